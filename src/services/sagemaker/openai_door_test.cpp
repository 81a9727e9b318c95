#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "services/sagemaker/sagemaker_fixture.h"

namespace hearth::sagemaker {
namespace {

using ::testing::HasSubstr;

class OpenAi : public SageMakerFixture {
 protected:
  OpenAiAnswer ask(std::string method, std::string path, std::string body = "") {
    OpenAiRequest request{std::move(method), std::move(path), "application/json", std::move(body)};
    return sync_wait(sagemaker_->openai_door().handle(ctx_, std::move(request))).value();
  }
  static std::string code_of(const OpenAiAnswer& answer) {
    const auto json = boost::json::parse(answer.body);
    EXPECT_FALSE(json.at("error").at("message").as_string().empty());
    return std::to_string(answer.status) + " " + std::string(json.at("error").at("code").as_string());
  }
};

TEST_F(OpenAi, ACompletionIsForwardedToTheEndpointItNames) {
  bring_up();
  models_.answers(200, "application/json", R"({"object":"chat.completion"})");
  const auto answer = ask("POST", "/v1/chat/completions", R"({"model":"chat","messages":[]})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(sync_wait(read_all(*answer.stream, 1000)).value(), R"({"object":"chat.completion"})");
  EXPECT_EQ(models_.calls[0].url, "http://10.0.0.1:8080/v1/chat/completions");
  EXPECT_EQ(authorizer_.asked.back().action, "sagemaker:InvokeEndpoint");
  EXPECT_EQ(authorizer_.asked.back().resource, "arn:aws:sagemaker:us-east-1:111122223333:endpoint/chat");
}

TEST_F(OpenAi, AStreamIsAnActionOfItsOwn) {
  bring_up();
  PiecesLog log;
  models_.streams({"data: {}\n\n", "data: [DONE]\n\n"}, log);
  const auto answer = ask("POST", "/v1/completions", R"({"model":"chat","prompt":"a","stream":true})");
  EXPECT_EQ(answer.content_type, "text/event-stream");
  EXPECT_EQ(sync_wait(read_all(*answer.stream, 1000)).value(), "data: {}\n\ndata: [DONE]\n\n");
  EXPECT_EQ(authorizer_.asked.back().action, "sagemaker:InvokeEndpointWithResponseStream");
}

TEST_F(OpenAi, ErrorsHaveOpenAisForm) {
  EXPECT_EQ(code_of(ask("POST", "/v1/chat/completions", "not json")), "400 invalid_request");
  EXPECT_EQ(code_of(ask("POST", "/v1/chat/completions", "{}")), "400 invalid_request");
  EXPECT_EQ(code_of(ask("GET", "/v1/chat/completions")), "405 method_not_allowed");
  EXPECT_EQ(code_of(ask("POST", "/v1/chat/completions/x", "{}")), "404 unknown_url");
  EXPECT_EQ(code_of(ask("POST", "/v1/completions", R"({"model":"none"})")), "404 model_not_found");
  create_all();
  EXPECT_EQ(code_of(ask("POST", "/v1/completions", R"({"model":"chat"})")), "503 model_not_ready");
  authorizer_.denied_actions.insert("sagemaker:InvokeEndpoint");
  const auto denied = ask("POST", "/v1/completions", R"({"model":"chat"})");
  EXPECT_EQ(code_of(denied), "403 access_denied");
  EXPECT_THAT(denied.body, HasSubstr("arn:aws:iam::111122223333:user/ana is not authorized to perform: "
                                     "sagemaker:InvokeEndpoint on resource: "
                                     "arn:aws:sagemaker:us-east-1:111122223333:endpoint/chat because"));
}

TEST_F(OpenAi, AnErrorOfTheModelServerPassesAsItIs) {
  bring_up();
  models_.answer = [](const OutgoingRequest&) -> Result<IncomingResponse> {
    IncomingResponse response;
    response.status = 429;
    response.headers = {{"content-type", "application/json"}, {"retry-after", "1"}};
    response.body = std::make_unique<StringSource>(R"({"error":{"message":"too many"}})");
    return response;
  };
  const auto answer = ask("POST", "/v1/completions", R"({"model":"chat","prompt":""})");
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.retry_after, "1");
  EXPECT_EQ(sync_wait(read_all(*answer.stream, 1000)).value(), R"({"error":{"message":"too many"}})");
}

TEST_F(OpenAi, ModelsAreTheEndpointsInServiceThatTheCallerMayInvoke) {
  bring_up();
  ASSERT_TRUE(create_endpoint("creating"));
  auto models = boost::json::parse(ask("GET", "/v1/models").body).at("data").as_array();
  ASSERT_EQ(models.size(), 1u);
  EXPECT_EQ(models[0].at("id").as_string(), "chat");
  EXPECT_EQ(boost::json::parse(ask("GET", "/v1/models/chat").body).at("object").as_string(), "model");
  EXPECT_EQ(code_of(ask("GET", "/v1/models/creating")), "404 model_not_found");
  authorizer_.denied_resources.insert("arn:aws:sagemaker:us-east-1:111122223333:endpoint/chat");
  EXPECT_TRUE(boost::json::parse(ask("GET", "/v1/models").body).at("data").as_array().empty());
  EXPECT_EQ(code_of(ask("GET", "/v1/models/chat")), "404 model_not_found") << "nobody learns of what they may not use";
}

}  // namespace
}  // namespace hearth::sagemaker
