// An error in the form the OpenAI API gives it: {"error": {"message", "type", "param", "code"}} and a status.
// https://platform.openai.com/docs/guides/error-codes
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "base/result.h"

namespace hearth::llm::infer {

struct ApiError {
  int status = 400;
  std::string message;
  std::string type = "invalid_request_error";
  std::optional<std::string> param;
  std::optional<std::string> code;
};

template <class T>
using ApiResult = std::expected<T, ApiError>;

// The member `param` of the request is wrong.
ApiError invalid_request(std::string param, std::string message);
// What the engine reported, as the client is told it.
ApiError to_api_error(const Error& error);
std::string to_json(const ApiError& error);

}  // namespace hearth::llm::infer
