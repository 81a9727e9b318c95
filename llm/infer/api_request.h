// Requests of the OpenAI API (and SageMaker's older {"inputs", "parameters"}) as values. Pure: text in, value out.
// Members we do not know are ignored, as OpenAI's own servers do; members that ask for something we cannot do are
// refused by name, so nobody gets an answer to another question.
// https://platform.openai.com/docs/api-reference/chat/create
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llm/infer/answer.h"
#include "llm/infer/api_error.h"
#include "llm/infer/model.h"

namespace hearth::llm::infer {

enum class Surface : std::uint8_t {
  chat,        // /v1/chat/completions
  completion,  // /v1/completions
  inputs,      // /invocations with {"inputs", "parameters"}
};

struct ApiRequest {
  Surface surface = Surface::chat;
  std::string model;                                     // "" if the request names none
  std::vector<ChatMessage> messages;                     // chat
  std::variant<std::string, std::vector<Token>> prompt;  // the others
  bool echo_prompt = false;                              // inputs: return_full_text
  SamplingOptions sampling;
  std::vector<std::string> stops;
  std::optional<std::uint32_t> token_count_max;
  std::optional<std::uint32_t> top_logprobs;
  bool stream = false;
  bool include_usage = false;
};

ApiResult<ApiRequest> parse_chat_request(std::string_view body);
ApiResult<ApiRequest> parse_completion_request(std::string_view body);
// Any of the three; which one is told by the members `messages`, `prompt` or `inputs`.
ApiResult<ApiRequest> parse_invocation(std::string_view body);

}  // namespace hearth::llm::infer
