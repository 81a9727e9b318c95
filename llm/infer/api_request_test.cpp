#include "llm/infer/api_request.h"

#include <gtest/gtest.h>

namespace hearth::llm::infer {
namespace {

std::string parsed_chat(std::string_view body) {
  const auto request = parse_chat_request(body);
  if (request) return "accepted";
  return (request.error().param ? *request.error().param + ": " : "") + request.error().message;
}

std::string chat_with(std::string_view members) {
  return parsed_chat(R"({"messages": [{"role": "user", "content": "hi"}], )" + std::string(members) + "}");
}

TEST(ParseChatRequest, SaysExactlyWhichMemberIsWrong) {
  EXPECT_EQ(parsed_chat("{"), "the body is not valid JSON: incomplete JSON");
  EXPECT_EQ(parsed_chat("[]"), "the body must be a JSON object");
  EXPECT_EQ(parsed_chat("{}"), "messages: 'messages' is missing");
  EXPECT_EQ(parsed_chat(R"({"messages": "hi"})"), "messages: 'messages' must be an array, not a string");
  EXPECT_EQ(parsed_chat(R"({"messages": []})"), "messages: 'messages' must not be empty");
  EXPECT_EQ(parsed_chat(R"({"messages": [1]})"), "messages[0]: 'messages[0]' must be an object, not an integer");
  EXPECT_EQ(parsed_chat(R"({"messages": [{"content": "x"}]})"), "messages[0].role: 'messages[0].role' is missing");
  EXPECT_EQ(parsed_chat(R"({"messages": [{"role": "boss", "content": "x"}]})"),
            "messages[0].role: 'messages[0].role' must be system, developer, user or assistant, not 'boss'");
  EXPECT_EQ(parsed_chat(R"({"messages": [{"role": "user"}]})"),
            "messages[0].content: 'messages[0].content' is missing");
  EXPECT_EQ(parsed_chat(R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})"),
            "messages[0].content[0]: content of type 'image_url' is not served; only text is");

  EXPECT_EQ(chat_with(R"("temperature": "hot")"), "temperature: 'temperature' must be a number, not a string");
  EXPECT_EQ(chat_with(R"("temperature": 2.5)"), "temperature: 'temperature' must be between 0 and 2");
  EXPECT_EQ(chat_with(R"("temperature": -0.1)"), "temperature: 'temperature' must be between 0 and 2");
  EXPECT_EQ(chat_with(R"("top_p": 1.01)"), "top_p: 'top_p' must be between 0 and 1");
  EXPECT_EQ(chat_with(R"("max_tokens": 0)"), "max_tokens: 'max_tokens' must be between 1 and 2147483647");
  EXPECT_EQ(chat_with(R"("max_tokens": 1.5)"), "max_tokens: 'max_tokens' must be an integer, not a number");
  EXPECT_EQ(chat_with(R"("max_tokens": 18446744073709551615)"),
            "max_tokens: 'max_tokens' must be between 1 and 2147483647");
  EXPECT_EQ(chat_with(R"("stop": ["a", "b", "c", "d", "e"])"), "stop: 'stop' may hold at most 4 sequences");
  EXPECT_EQ(chat_with(R"("stop": "")"), "stop: 'stop' must not hold an empty sequence");
  EXPECT_EQ(chat_with(R"("stop": [1])"), "stop[0]: 'stop[0]' must be a string, not an integer");
  EXPECT_EQ(chat_with(R"("stream": 1)"), "stream: 'stream' must be a boolean, not an integer");
  EXPECT_EQ(chat_with(R"("stream_options": {"include_usage": true})"),
            "stream_options: 'stream_options' needs 'stream': true");
  EXPECT_EQ(chat_with(R"("top_logprobs": 2)"), "top_logprobs: 'top_logprobs' needs 'logprobs': true");
  EXPECT_EQ(chat_with(R"("n": 2)"), "n: 'n' must be 1: one answer per request");
  EXPECT_EQ(chat_with(R"("tools": [{"type": "function"}])"), "tools: 'tools' is not served");
  EXPECT_EQ(chat_with(R"("response_format": {"type": "json_object"})"),
            R"(response_format: 'response_format' must be {"type": "text"})");
  EXPECT_EQ(chat_with(R"("frequency_penalty": 3)"), "frequency_penalty: 'frequency_penalty' must be between -2 and 2");
}

TEST(ParseChatRequest, AcceptsWhatClientsSend) {
  EXPECT_EQ(chat_with(R"("tools": [], "n": 1, "logit_bias": {}, "user": "me", "store": false)"), "accepted");
  EXPECT_EQ(chat_with(R"("temperature": null, "stop": null, "max_tokens": null, "seed": null)"), "accepted");

  const auto request = parse_chat_request(R"({"model": "m", "messages": [{"role": "developer", "content": "be brief"},
      {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
      "max_completion_tokens": 7, "stop": "x", "stream": true, "stream_options": {"include_usage": true},
      "temperature": 0, "seed": 5, "logprobs": true, "top_logprobs": 3, "top_k": -1})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->messages[0].role, "system");
  EXPECT_EQ(request->messages[1].content, "ab");
  EXPECT_EQ(request->token_count_max, 7u);
  EXPECT_EQ(request->stops, std::vector<std::string>{"x"});
  EXPECT_TRUE(request->stream && request->include_usage);
  EXPECT_EQ(request->sampling.seed, 5u);
  EXPECT_EQ(request->top_logprobs, 3u);
}

TEST(ParseCompletionRequest, TakesTextOrTokenIds) {
  EXPECT_EQ(std::get<std::string>(parse_completion_request(R"({"prompt": "hi"})")->prompt), "hi");
  EXPECT_EQ(std::get<std::string>(parse_completion_request(R"({"prompt": ["hi"]})")->prompt), "hi");
  EXPECT_EQ(std::get<std::vector<Token>>(parse_completion_request(R"({"prompt": [1, 2]})")->prompt),
            (std::vector<Token>{1, 2}));
  EXPECT_EQ(parse_completion_request(R"({"prompt": ["a", "b"]})").error().message,
            "'prompt' must be one string or one array of token ids");
  EXPECT_EQ(parse_completion_request(R"({"prompt": "hi"})")->token_count_max, 16u);
}

TEST(ParseInvocation, TakesEveryForm) {
  EXPECT_EQ(parse_invocation(R"({"messages": [{"role": "user", "content": "x"}]})")->surface, Surface::chat);
  EXPECT_EQ(parse_invocation(R"({"prompt": "x"})")->surface, Surface::completion);
  const auto inputs = parse_invocation(R"({"inputs": "x", "parameters": {"max_new_tokens": 3, "do_sample": true}})");
  EXPECT_EQ(inputs->surface, Surface::inputs);
  EXPECT_EQ(inputs->token_count_max, 3u);
  EXPECT_EQ(inputs->sampling.temperature, 1);
  EXPECT_EQ(parse_invocation(R"({"inputs": "x", "parameters": {"top_p": 2}})").error().param, "parameters.top_p");
  EXPECT_EQ(parse_invocation(R"({"x": 1})").error().message, "the body needs 'messages', 'prompt' or 'inputs'");
}

}  // namespace
}  // namespace hearth::llm::infer
