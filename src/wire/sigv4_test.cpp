// Vectors: the aws-sig-v4-test-suite, the examples of the S3 manual, and URLs presigned by botocore.
#include "wire/sigv4.h"

#include <gtest/gtest.h>

#include <functional>

namespace hearth::wire {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view suite_secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TimePoint suite_time = *parse_time("2015-08-30T12:36:00Z");
const SigningCredentials credentials{
    .access_key_id = "AKIDEXAMPLE", .secret_access_key = std::string(suite_secret), .session_token = {}};

// Parses the signature of the request and checks it; the problem, or null when it is good.
std::optional<SignatureProblem> check(const http::Request& request, TimePoint now,
                                      std::string_view secret = suite_secret) {
  const auto parsed = parse_signature(request);
  if (!parsed) return parsed.error().problem;
  if (!*parsed) return SignatureProblem::malformed;
  const auto failure = verify_signature(**parsed, request, secret, to_hex(sha256(request.body)), now);
  return failure ? std::optional(failure->problem) : std::nullopt;
}

struct SuiteCase {
  std::string name, method, path, query;
  std::vector<http::Header> headers;  // besides Host and X-Amz-Date
  std::string body, signed_headers, signature;
};

TEST(SigV4, AcceptsThePublicSuite) {
  const SuiteCase cases[] = {
      {"get-vanilla",
       "GET",
       "/",
       "",
       {},
       "",
       "host;x-amz-date",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"post-vanilla",
       "POST",
       "/",
       "",
       {},
       "",
       "host;x-amz-date",
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/",
       "Param2=value2&Param1=value1",
       {},
       "",
       "host;x-amz-date",
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-utf8-query",
       "GET",
       "/",
       "\u1234=bar",
       {},
       "",
       "host;x-amz-date",
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"get-relative",
       "GET",
       "/example/..",
       "",
       {},
       "",
       "host;x-amz-date",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-slashes",
       "GET",
       "//",
       "",
       {},
       "",
       "host;x-amz-date",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-header-value-trim",
       "GET",
       "/",
       "",
       {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
       "",
       "host;my-header1;my-header2;x-amz-date",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"get-header-key-duplicate",
       "GET",
       "/",
       "",
       {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
       "",
       "host;my-header1;x-amz-date",
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"post-x-www-form-urlencoded",
       "POST",
       "/",
       "",
       {{"Content-Type", "application/x-www-form-urlencoded"}},
       "Param1=value1",
       "content-type;host;x-amz-date",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
  };
  for (const SuiteCase& vector : cases) {
    http::Request request{.method = vector.method, .path = vector.path, .query = vector.query};
    request.headers.add("Host", "example.amazonaws.com");
    request.headers.add("X-Amz-Date", "20150830T123600Z");
    for (const http::Header& field : vector.headers) request.headers.add(field.name, field.value);
    request.headers.add("Authorization",
                        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                        "SignedHeaders=" +
                            vector.signed_headers + ", Signature=" + vector.signature);
    request.body = vector.body;
    EXPECT_EQ(check(request, suite_time), std::nullopt) << vector.name;
  }
}

TEST(SigV4, AcceptsThePresignedExampleOfTheS3Manual) {
  http::Request request{.method = "GET", .path = "/test.txt"};
  request.query =
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_"
      "request"
      "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
      "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
  request.headers.add("Host", "examplebucket.s3.amazonaws.com");
  const TimePoint signed_at = *parse_time("2013-05-24T00:00:00Z");
  constexpr std::string_view secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  EXPECT_EQ(check(request, signed_at + std::chrono::hours(24), secret), std::nullopt);
  EXPECT_EQ(check(request, signed_at + std::chrono::hours(24) + seconds(1), secret), SignatureProblem::expired_request);
  EXPECT_EQ(check(request, signed_at - minutes(16), secret), SignatureProblem::skewed);
}

// AWS: only S3's presigned URLs leave the body unsigned; those of other services sign an empty one (EKS tokens do).
TEST(SigV4, AcceptsPresignedUrlsOfOtherServices) {
  http::Request request{.method = "GET", .path = "/"};
  request.query =
      "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F"
      "20150830%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host"
      "&X-Amz-Signature=1d10ef2bc2bb1b02201752f1912e9eb7a5df0d0d7bd2cc98b1f5557b7a9254be";
  request.headers.add("Host", "sts.amazonaws.com");
  EXPECT_EQ(check(request, suite_time), std::nullopt);
}

TEST(SigV2, AcceptsWhatBotocorePresigns) {
  http::Request request{.method = "GET", .path = "/photos/cat%20one.jpg"};
  request.query =
      "response-content-type=text%2Fplain&versionId=7&AWSAccessKeyId=AKIDEXAMPLE"
      "&Signature=kMZZ2H9yROFAasK0LT%2BsYZhiTu4%3D&Expires=1440938220";
  request.headers.add("Host", "127.0.0.1:4566");
  EXPECT_EQ(check(request, suite_time), std::nullopt);
  EXPECT_EQ(check(request, suite_time + seconds(61)), SignatureProblem::expired_request);
  request.query.replace(request.query.find("versionId=7"), 11, "versionId=8");
  EXPECT_EQ(check(request, suite_time), SignatureProblem::mismatch);
}

TEST(SigV2, TheHostMayNameTheBucket) {
  http::Request request{.method = "GET", .path = "/cat%20one.jpg"};
  request.query =
      "response-content-type=text%2Fplain&versionId=7&AWSAccessKeyId=AKIDEXAMPLE"
      "&Signature=kMZZ2H9yROFAasK0LT%2BsYZhiTu4%3D&Expires=1440938220";
  request.headers.add("Host", "photos.s3.localhost:4566");
  ParsedSignature parsed = **parse_signature(request);
  EXPECT_TRUE(verify_signature(parsed, request, suite_secret, {}, suite_time));
  parsed.host_bucket = "photos";
  EXPECT_FALSE(verify_signature(parsed, request, suite_secret, {}, suite_time));
}

TEST(SigV2, ExpiresMayBeLaterThanOurClockCounts) {
  http::Request request{.method = "GET", .path = "/photos/cat"};
  const auto expiring = [&](const std::string& when) {
    request.query = "AWSAccessKeyId=AKIDEXAMPLE&Signature=x&Expires=" + when;
    return parse_signature(request);
  };
  for (const std::string late : {"9223372037", "99999999999", "9223372036854775807"}) {
    const auto parsed = expiring(late);
    ASSERT_TRUE(parsed) << late;
    EXPECT_GT((*parsed)->time, suite_time + std::chrono::years(200)) << late;
  }
  for (const std::string wrong : {"", "-1", "1x", "1e9", "9223372036854775808"})
    EXPECT_EQ(expiring(wrong).error().problem, SignatureProblem::malformed_v2) << wrong;
}

http::Request signed_put() {
  http::Request request{.method = "PUT", .path = "/photos/a%20b/%C3%BC%2B", .query = "partNumber=1&uploadId=x%2By"};
  request.headers.add("Host", "127.0.0.1:4566");
  request.headers.add("X-Amz-Meta-Note", "two  spaces");
  request.headers.add("Content-Type", "text/plain");
  request.body = "meow";
  sign_request(request, credentials, {.region = "eu-west-1", .service = "s3"}, suite_time);
  return request;
}

TEST(SigV4, AcceptsItsOwnSignature) {
  EXPECT_EQ(check(signed_put(), suite_time), std::nullopt);
  http::Request get{.method = "GET", .path = "/photos/a%20b", .query = "versionId=1"};
  get.headers.add("Host", "127.0.0.1:4566");
  for (const std::string service : {"s3", "sts"}) {
    http::Request presigned{.method = get.method, .path = get.path, .query = get.query, .headers = get.headers};
    presign_request(presigned, credentials, {.region = "eu-west-1", .service = service}, suite_time, seconds(60));
    EXPECT_EQ(check(presigned, suite_time + seconds(60)), std::nullopt) << service;
  }
}

TEST(SigV4, SpacesInsideHeadersCountOnce) {
  http::Request request = signed_put();
  request.headers.set("X-Amz-Meta-Note", "  two spaces ");
  EXPECT_EQ(check(request, suite_time), std::nullopt);
}

TEST(SigV4, RefusesWhatWasChangedOnTheWay) {
  using Change = std::function<void(http::Request&)>;
  const std::pair<std::string, Change> changes[] = {
      {"method", [](http::Request& r) { r.method = "POST"; }},
      {"path", [](http::Request& r) { r.path += "x"; }},
      {"query", [](http::Request& r) { r.query += "&acl"; }},
      {"query value", [](http::Request& r) { r.query = "partNumber=2&uploadId=x%2By"; }},
      {"host", [](http::Request& r) { r.headers.set("Host", "127.0.0.1:4567"); }},
      {"header", [](http::Request& r) { r.headers.set("X-Amz-Meta-Note", "three"); }},
      {"repeated header", [](http::Request& r) { r.headers.add("X-Amz-Meta-Note", "more"); }},
      {"content type", [](http::Request& r) { r.headers.set("Content-Type", "text/html"); }},
      {"payload hash", [](http::Request& r) { r.headers.set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"); }},
      {"time", [](http::Request& r) { r.headers.set("X-Amz-Date", "20150830T123601Z"); }},
  };
  for (const auto& [name, change] : changes) {
    http::Request request = signed_put();
    change(request);
    EXPECT_EQ(check(request, suite_time), SignatureProblem::mismatch) << name;
  }
  EXPECT_EQ(check(signed_put(), suite_time, "another secret"), SignatureProblem::mismatch);
}

TEST(SigV4, RefusesAmzHeadersThatWereNotSigned) {
  http::Request request = signed_put();
  request.headers.add("X-Amz-Acl", "public-read");
  EXPECT_EQ(check(request, suite_time), SignatureProblem::unsigned_header);
  EXPECT_EQ(parse_signature(request).error().header, "x-amz-acl");
}

http::Request presigned_get() {
  http::Request request{.method = "GET", .path = "/photos/cat"};
  request.headers.add("Host", "127.0.0.1:4566");
  presign_request(request, credentials, {.region = "eu-west-1", .service = "s3"}, suite_time, seconds(60));
  return request;
}

TEST(SigV4, APresignedUrlCoversTheHostAndAllAmzHeaders) {
  http::Request request = presigned_get();
  EXPECT_EQ(check(request, suite_time), std::nullopt);
  request.headers.add("Range", "bytes=0-1");  // the bearer's own business
  EXPECT_EQ(check(request, suite_time), std::nullopt);
  request.headers.add("X-Amz-Copy-Source", "photos/secret");
  EXPECT_EQ(check(request, suite_time), SignatureProblem::unsigned_header);
  EXPECT_EQ(parse_signature(request).error().header, "x-amz-copy-source");

  http::Request without_host = presigned_get();
  const std::string signed_headers = "X-Amz-SignedHeaders=host";
  without_host.query.replace(without_host.query.find(signed_headers), signed_headers.size(), "X-Amz-SignedHeaders=");
  EXPECT_EQ(check(without_host, suite_time), SignatureProblem::unsigned_header);
  EXPECT_EQ(parse_signature(without_host).error().header, "host");
}

TEST(SigV4, AcceptsClocksWithinFifteenMinutes) {
  EXPECT_EQ(check(signed_put(), suite_time + minutes(15)), std::nullopt);
  EXPECT_EQ(check(signed_put(), suite_time - minutes(15)), std::nullopt);
  EXPECT_EQ(check(signed_put(), suite_time + minutes(15) + seconds(1)), SignatureProblem::skewed);
  EXPECT_EQ(check(signed_put(), suite_time - minutes(15) - seconds(1)), SignatureProblem::skewed);
}

TEST(SigV4, SaysWhichHeadersItCannotRead) {
  for (const std::string authorization :
       {"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=", "Basic dXNlcg==",
        "AWS4-HMAC-SHA256 Credential=A/20150831/r/s/aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
        "AWS4-HMAC-SHA256 Credential=A/2015/r/s/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"}) {
    http::Request request{.method = "GET", .path = "/"};
    request.headers.add("Host", "h");
    request.headers.add("X-Amz-Date", "20150830T123600Z");
    request.headers.add("Authorization", authorization);
    EXPECT_EQ(check(request, suite_time), SignatureProblem::malformed) << authorization;
  }
  const http::Request unsigned_request{.method = "GET", .path = "/"};
  EXPECT_FALSE(parse_signature(unsigned_request)->has_value());
}

}  // namespace
}  // namespace hearth::wire
