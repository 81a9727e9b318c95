#include "llm/infer/api_error.h"

#include <boost/json.hpp>
#include <utility>

namespace hearth::llm::infer {
namespace json = boost::json;

ApiError invalid_request(std::string param, std::string message) {
  return {.message = std::move(message), .param = std::move(param)};
}

ApiError to_api_error(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::invalid:
    case ErrorKind::unsupported:
      return {.status = 400, .message = error.message()};
    case ErrorKind::unavailable:
      return {.status = 429, .message = error.message(), .type = "rate_limit_error", .code = "queue_full"};
    case ErrorKind::cancelled:
      return {.status = 503, .message = error.message(), .type = "server_error", .code = "server_stopping"};
    default:
      return {.status = 500, .message = error.message(), .type = "server_error"};
  }
}

std::string to_json(const ApiError& error) {
  const auto or_null = [](const std::optional<std::string>& text) {
    return text ? json::value(*text) : json::value(nullptr);
  };
  return json::serialize(json::object{{"error",
                                       {{"message", error.message},
                                        {"type", error.type},
                                        {"param", or_null(error.param)},
                                        {"code", or_null(error.code)}}}});
}

}  // namespace hearth::llm::infer
