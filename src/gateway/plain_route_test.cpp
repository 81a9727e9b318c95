// Routes beside the AWS protocols: who calls them, by signature or by bearer key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "gateway/gateway.h"
#include "wire/sigv4.h"

namespace hearth::gateway {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::HasSubstr;

const wire::SigningCredentials ana{"AKIAANA", "ana-secret", ""};
const wire::SigningCredentials session{"ASIAANA", "session-secret", "the-token"};

class FakeCredentials final : public CredentialDirectory {
 public:
  TimePoint session_expires_at{};
  bool is_down = false;
  Async<KeySecret> find_key(std::string_view access_key_id) override {
    if (is_down) co_return Error(ErrorKind::unavailable, "the store is down");
    if (access_key_id != ana.access_key_id) co_return Error(ErrorKind::not_found, "no such key");
    KeySecret key;
    key.secret_access_key = ana.secret_access_key;
    key.principal = {
        .kind = PrincipalKind::user, .account_id = "111122223333", .arn = "arn:aws:iam::111122223333:user/ana"};
    co_return key;
  }
  Async<KeySecret> find_session_key(std::string_view access_key_id, std::string_view token) override {
    if (access_key_id != session.access_key_id || token != session.session_token)
      co_return Error(ErrorKind::not_found, "no such session");
    KeySecret key;
    key.secret_access_key = session.secret_access_key;
    key.session_token = session.session_token;
    key.expires_at = session_expires_at;
    key.principal.account_id = "111122223333";
    key.principal.arn = "arn:aws:sts::111122223333:assumed-role/Serve/s";
    co_return key;
  }
};

class FakeAuthorizer final : public Authorizer {
 public:
  bool allows = true;
  std::vector<std::string> asked;
  Async<Decision> decide(const Principal&, const Access& access, const ConditionContext&) override {
    asked.push_back(access.action);
    co_return Decision{.allowed = allows, .reason = allows ? "" : "because of a test"};
  }
  void add_resource_policies(std::string, ResourcePolicySource) override {}
};

class PlainRouteTest : public testing::Test {
 protected:
  PlainRouteTest() : gateway_({}, credentials_, authorizer_, clock_, ids_) {
    gateway_.add_route({.path = "/v1",
                        .has_children = true,
                        .authenticates = true,
                        .handle = [this](const RequestContext& ctx, http::Request& request) -> Async<http::Response> {
                          seen_ = ctx;
                          http::Response response;
                          response.body = ctx.caller.arn + " in " + ctx.region + " said " + request.body;
                          co_return response;
                        }});
    gateway_.add_route({.path = "/open", .handle = [](const RequestContext&, http::Request&) -> Async<http::Response> {
                          http::Response response;
                          response.body = "open";
                          co_return response;
                        }});
  }
  http::Request post(std::string body = "hello") {
    http::Request request;
    request.method = "POST";
    request.path = "/v1/chat/completions";
    request.headers.add("Host", "127.0.0.1:4566");
    request.body = std::move(body);
    return request;
  }
  http::Request signed_post(const wire::SigningCredentials& credentials = ana) {
    http::Request request = post();
    wire::sign_request(request, credentials, {"eu-west-1", "sagemaker"}, clock_.now());
    return request;
  }
  // As aws-bedrock-token-generator makes it.
  std::string bearer_key(const wire::SigningCredentials& credentials = ana, std::string action = "CallWithBearerToken",
                         seconds expires = hours(12)) {
    http::Request request;
    request.method = "POST";
    request.path = "/";
    request.query = "Action=" + action;
    request.headers.add("host", "bedrock.amazonaws.com");
    wire::presign_request(request, credentials, {"us-west-2", "bedrock"}, clock_.now(), expires);
    return "bedrock-api-key-" + to_base64("bedrock.amazonaws.com/?" + request.query + "&Version=1");
  }
  http::Request with_key(const std::string& key) {
    http::Request request = post();
    request.headers.add("Authorization", "Bearer " + key);
    return request;
  }
  http::Response handle(http::Request request) { return sync_wait(gateway_.handle(request)).value(); }
  std::string outcome(http::Request request) {
    const http::Response response = handle(std::move(request));
    return std::to_string(response.status) + " " + response.body;
  }

  FakeCredentials credentials_;
  FakeAuthorizer authorizer_;
  FakeClock clock_;
  SequenceIds ids_;
  RequestContext seen_;
  Gateway gateway_;
};

TEST_F(PlainRouteTest, APathIsTheRoutesWholeOrNot) {
  const auto status_of = [this](std::string path, std::string host = "127.0.0.1:4566") {
    http::Request request{.method = "GET", .path = std::move(path)};
    request.headers.add("Host", std::move(host));
    return sync_wait(gateway_.handle(request))->status;
  };
  EXPECT_EQ(status_of("/open"), 200);
  EXPECT_NE(status_of("/open/door"), 200);
  EXPECT_NE(status_of("/opened"), 200);
  EXPECT_EQ(status_of("/v1/models"), 401);  // nobody signed it: the route's own refusal
  EXPECT_NE(status_of("/v1models"), 401);
  // In a bucket any path is an object's.
  EXPECT_NE(status_of("/open", "photos.s3.localhost:4566"), 200);
  EXPECT_NE(status_of("/v1/models", "photos.localhost:4566"), 401);
}

TEST_F(PlainRouteTest, ASignedRequestIsItsSigners) {
  EXPECT_EQ(outcome(signed_post()), "200 arn:aws:iam::111122223333:user/ana in eu-west-1 said hello");
  EXPECT_EQ(seen_.condition_context.at("aws:requestedregion"), std::vector<std::string>{"eu-west-1"});
  EXPECT_TRUE(authorizer_.asked.empty()) << "what may be done is the route's business";
}

TEST_F(PlainRouteTest, ARequestThatNobodySignedIsRefusedInOpenAisForm) {
  EXPECT_EQ(outcome(post()), R"(401 {"error":{"message":"Sign the request with SigV4, or send a bearer API key.",)"
                             R"("type":"invalid_api_key","param":null,"code":"invalid_api_key"}})");
  http::Request open = post();
  open.path = "/open";
  EXPECT_EQ(outcome(std::move(open)), "200 open");
}

TEST_F(PlainRouteTest, ATamperedBodyPathOrSignatureIsRefused) {
  http::Request body = signed_post();
  body.body = "bye";
  EXPECT_EQ(handle(std::move(body)).status, 401);
  http::Request path = signed_post();
  path.path = "/v1/models";
  EXPECT_EQ(handle(std::move(path)).status, 401);
  EXPECT_EQ(handle(signed_post({ana.access_key_id, "wrong", ""})).status, 401);
  EXPECT_EQ(handle(signed_post({"AKIANOBODY", "x", ""})).status, 401);
  http::Request late = signed_post();
  clock_.advance(hours(1));
  EXPECT_EQ(handle(std::move(late)).status, 401);
}

TEST_F(PlainRouteTest, ABodyThatIsNotSignedIsRefused) {
  for (const char* claimed : {"UNSIGNED-PAYLOAD", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}) {
    http::Request request = post();
    wire::sign_request(request, ana, {"eu-west-1", "sagemaker"}, clock_.now(), claimed);
    EXPECT_THAT(outcome(std::move(request)), HasSubstr("The body is not the one that was signed.")) << claimed;
  }
}

TEST_F(PlainRouteTest, ABearerKeyIsItsMakers) {
  EXPECT_EQ(outcome(with_key(bearer_key())), "200 arn:aws:iam::111122223333:user/ana in us-west-2 said hello");
  EXPECT_EQ(authorizer_.asked, std::vector<std::string>{"bedrock:CallWithBearerToken"});
  clock_.advance(hours(11));
  EXPECT_EQ(handle(with_key(bearer_key())).status, 200);
}

TEST_F(PlainRouteTest, ABearerKeyOfASessionEndsWithIt) {
  credentials_.session_expires_at = clock_.now() + hours(1);
  const std::string key = bearer_key(session);
  EXPECT_THAT(outcome(with_key(key)), HasSubstr("assumed-role/Serve/s"));
  clock_.advance(hours(2));
  EXPECT_EQ(handle(with_key(key)).status, 401);
}

TEST_F(PlainRouteTest, BearerKeysThatAreNotAreRefused) {
  const std::string expired = bearer_key(ana, "CallWithBearerToken", seconds(60));
  clock_.advance(seconds(120));
  const std::string other_use = bearer_key(ana, "GetCallerIdentity");
  std::string tampered = bearer_key();
  tampered[60] = tampered[60] == 'A' ? 'B' : 'A';
  for (const std::string& key :
       {std::string("sk-123"), std::string("bedrock-api-key-"), std::string("bedrock-api-key-!!"),
        "bedrock-api-key-" + to_base64("bedrock.amazonaws.com/"), expired, other_use, tampered,
        bearer_key({ana.access_key_id, "wrong", ""})}) {
    const http::Response response = handle(with_key(key));
    EXPECT_EQ(response.status, 401) << key;
    EXPECT_THAT(response.body, HasSubstr("invalid_api_key"));
  }
}

TEST_F(PlainRouteTest, APolicyCanForbidBearerKeys) {
  authorizer_.allows = false;
  EXPECT_THAT(outcome(with_key(bearer_key())),
              HasSubstr("403 {\"error\":{\"message\":\"User: arn:aws:iam::111122223333:user/ana is not authorized to "
                        "perform: bedrock:CallWithBearerToken"));
}

TEST_F(PlainRouteTest, AStoreThatIsDownIsNotTheCallersFault) {
  credentials_.is_down = true;
  EXPECT_EQ(handle(signed_post()).status, 503);
}

}  // namespace
}  // namespace hearth::gateway
