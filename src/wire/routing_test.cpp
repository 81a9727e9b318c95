// That botocore's own requests are routed is shown in tests/conformance/codec; here is what surrounds them.
#include "wire/routing.h"

#include <gtest/gtest.h>

#include "api/ec2/service.h"
#include "api/lambda/service.h"
#include "api/logs/service.h"
#include "api/s3/service.h"
#include "api/sts/service.h"

namespace hearth::wire {
namespace {

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    for (const ServiceSchema* service :
         {&api::s3::schema, &api::sts::schema, &api::ec2::schema, &api::logs::schema, &api::lambda::schema})
      router_.add_service(*service);
  }

  static http::Request request(std::string method, std::string target, std::string host = "127.0.0.1:4566") {
    http::Request made{.method = std::move(method)};
    const auto question = target.find('?');
    made.path = target.substr(0, question);
    if (question != target.npos) made.query = target.substr(question + 1);
    made.headers.add("Host", std::move(host));
    return made;
  }
  std::string operation_of(const http::Request& request) const {
    const auto route = router_.route(request);
    return route ? std::string(route->service->name) + ":" + route->operation_name : "nothing";
  }
  std::string label(const http::Request& request, std::string_view name) const {
    for (const auto& [key, value] : router_.route(request)->labels)
      if (key == name) return value;
    return "none";
  }

  Router router_;
};

TEST_F(RouterTest, BucketsAreFoundInPathsAndInHostNames) {
  for (const http::Request& get :
       {request("GET", "/photos/a%20b/c"), request("GET", "/a%20b/c", "photos.s3.localhost:4566"),
        request("GET", "/a%20b/c", "photos.s3.amazonaws.com"), request("GET", "/a%20b/c", "photos.localhost:4566"),
        request("GET", "/photos/a%20b/c", "localhost:4566"), request("GET", "/photos/a%20b/c", "s3.localhost"),
        request("GET", "/a%20b/c", "photos.s3.eu-west-1.amazonaws.com")}) {
    EXPECT_EQ(operation_of(get), "s3:GetObject") << get.headers.get("host");
    EXPECT_EQ(label(get, "Bucket"), "photos");
    EXPECT_EQ(label(get, "Key"), "a b/c");
  }
}

TEST_F(RouterTest, KeysKeepEverySlash) {
  EXPECT_EQ(label(request("GET", "/photos//a//b/"), "Key"), "/a//b/");
  EXPECT_EQ(label(request("GET", "/photos/a%2Fb"), "Key"), "a/b");
}

TEST_F(RouterTest, BucketAndServiceLevelAreToldApart) {
  EXPECT_EQ(operation_of(request("GET", "/")), "s3:ListBuckets");
  EXPECT_EQ(operation_of(request("GET", "/photos")), "s3:ListObjects");
  EXPECT_EQ(operation_of(request("GET", "/photos/")), "s3:ListObjects");
  EXPECT_EQ(operation_of(request("GET", "/photos?list-type=2")), "s3:ListObjectsV2");
  EXPECT_EQ(operation_of(request("GET", "/photos?versions")), "s3:ListObjectVersions");
  EXPECT_EQ(operation_of(request("PUT", "/photos/k?partNumber=1&uploadId=u")), "s3:UploadPart");
}

TEST_F(RouterTest, KnowsOperationsThatAreNotServed) {
  const auto route = router_.route(request("GET", "/photos?torrentless&analytics&id=1"));
  ASSERT_TRUE(route);
  EXPECT_EQ(route->operation_name, "GetBucketAnalyticsConfiguration");
  EXPECT_TRUE(route->is_known);
  EXPECT_EQ(route->operation, nullptr);
}

TEST_F(RouterTest, TheSignaturesScopeDecidesBetweenServices) {
  http::Request form = request("POST", "/");
  form.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  form.body = "Action=GetCallerIdentity&Version=2011-06-15";
  EXPECT_EQ(operation_of(form), "sts:GetCallerIdentity");
  form.headers.add("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/ec2/aws4_request, ");
  EXPECT_EQ(operation_of(form), "ec2:GetCallerIdentity");
  EXPECT_FALSE(router_.route(form)->is_known);
}

TEST_F(RouterTest, ServicesNobodyServesClaimNothing) {
  http::Request get = request("GET", "/");
  get.headers.add("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/polly/aws4_request, ");
  EXPECT_FALSE(router_.route(get).has_value());
}

TEST_F(RouterTest, TargetsNameJsonOperations) {
  http::Request post = request("POST", "/");
  post.headers.add("X-Amz-Target", "Logs_20140328.PutLogEvents");
  EXPECT_EQ(operation_of(post), "logs:PutLogEvents");
  post.headers.set("X-Amz-Target", "Logs_20140328.NoSuchThing");
  EXPECT_FALSE(router_.route(post)->is_known);
}

TEST_F(RouterTest, CredentialsWithoutFiveFieldsAreNoScope) {
  http::Request get = request("GET", "/photos");
  for (const std::string credential : {"", "a", "a/b/c", "a/b/c/d/e/f", "////////"}) {
    get.headers.set("Authorization", "AWS4-HMAC-SHA256 Credential=" + credential + ", ");
    EXPECT_FALSE(find_credential_scope(get).has_value()) << credential;
  }
}

}  // namespace
}  // namespace hearth::wire
