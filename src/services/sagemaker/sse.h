// Server-sent events of an OpenAI-style completion, watched on their way through: finds the usage numbers, the first
// token and the end, and hides the usage event from a client that did not ask for it.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::sagemaker {

struct TokenUsage {
  std::int64_t input_tokens = -1;
  std::int64_t output_tokens = -1;
};

// From a JSON object with "usage": {"prompt_tokens", "completion_tokens"}.
std::optional<TokenUsage> usage_of(std::string_view json);

class SseFilter {
 public:
  // `hide_usage`: events whose "choices" is empty and that carry "usage" are dropped from the output.
  explicit SseFilter(bool hide_usage) : hide_usage_(hide_usage) {}
  // Takes the next bytes from the model, returns what goes to the client now (whole events only).
  std::string feed(std::string_view bytes);
  // What is left when the stream ends in the middle of an event.
  std::string finish() { return std::move(pending_); }

  const TokenUsage& usage() const { return usage_; }
  // Whether an event with output of the model came by: OpenAI's first event holds only the role.
  bool saw_token() const { return saw_token_; }
  // Whether "[DONE]" came by, after which clients stop reading.
  bool saw_done() const { return saw_done_; }

 private:
  bool keep(std::string_view event);
  bool hide_usage_;
  std::string pending_;
  std::size_t searched_ = 0;  // up to here there is no whole blank line in pending_
  TokenUsage usage_;
  bool saw_token_ = false;
  bool saw_done_ = false;
};

// The request body with stream_options.include_usage set, so that streamed calls can be counted too. Null when the body
// is not a streaming completion request of OpenAI's form or already asks for usage.
std::optional<std::string> with_usage_requested(const std::string& body);

}  // namespace hearth::sagemaker
