#include "services/sagemaker/sse.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

namespace hearth::sagemaker {
namespace {

// One event is never longer than this; beyond it we stop looking inside and pass bytes on.
constexpr std::size_t event_bytes_max = 1 << 20;
constexpr std::size_t blank_bytes_max = std::string_view("\r\n\r\n").size();

std::optional<boost::json::object> parse_object(std::string_view text) {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(text, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::int64_t number_at(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_int64() ? value->get_int64() : -1;
}

std::optional<TokenUsage> usage_in(const boost::json::object& object) {
  const auto* usage = object.if_contains("usage");
  if (!usage || !usage->is_object()) return std::nullopt;
  return TokenUsage{number_at(usage->get_object(), "prompt_tokens"),
                    number_at(usage->get_object(), "completion_tokens")};
}

bool has_text(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() && !value->get_string().empty();
}

// Whether the model said something in this event. Events of other forms than OpenAI's are taken to.
bool has_token(const boost::json::object& event) {
  const auto* choices = event.if_contains("choices");
  if (!choices || !choices->is_array()) return true;
  for (const auto& choice : choices->get_array()) {
    if (!choice.is_object()) continue;
    if (has_text(choice.get_object(), "text")) return true;
    const auto* delta = choice.get_object().if_contains("delta");
    if (!delta || !delta->is_object()) continue;
    if (has_text(delta->get_object(), "content") || has_text(delta->get_object(), "reasoning_content")) return true;
    if (delta->get_object().contains("tool_calls")) return true;
  }
  return false;
}

// Behind the blank line that ends an event, sought from `start` on; npos: it is not all there. Lines end with LF, CRLF
// or CR.
std::size_t event_end(std::string_view text, std::size_t start) {
  for (std::size_t at = text.find_first_of("\r\n", start); at != text.npos; at = text.find_first_of("\r\n", at + 1))
    for (const std::string_view blank : {"\n\n", "\r\n\r\n", "\r\r"})
      if (text.substr(at, blank.size()) == blank) return at + blank.size();
  return text.npos;
}

// The event's data, its first line where it has several.
std::string_view data_of(std::string_view event) {
  const auto at = event.find("data:");
  if (at == event.npos) return {};
  std::string_view data = event.substr(at + std::string_view("data:").size());
  data = data.substr(0, data.find_first_of("\r\n"));
  if (data.starts_with(' ')) data.remove_prefix(1);
  return data;
}

}  // namespace

std::optional<TokenUsage> usage_of(std::string_view json) {
  const auto object = parse_object(json);
  return object ? usage_in(*object) : std::nullopt;
}

bool SseFilter::keep(std::string_view event) {
  std::string_view data = data_of(event);
  if (data == "[DONE]") saw_done_ = true;
  if (data.empty() || saw_done_) return true;
  const bool may_have_usage = data.find("\"usage\"") != data.npos;
  if (saw_token_ && !may_have_usage) return true;
  const auto object = parse_object(data);
  saw_token_ = saw_token_ || !object || has_token(*object);
  const auto usage = object ? usage_in(*object) : std::nullopt;
  if (!usage) return true;
  usage_ = *usage;
  const auto* choices = object->if_contains("choices");
  const bool only_usage = choices && choices->is_array() && choices->get_array().empty();
  return !(only_usage && hide_usage_);
}

std::string SseFilter::feed(std::string_view bytes) {
  pending_ += bytes;
  std::string out;
  std::size_t start = 0;
  for (std::size_t end; (end = event_end(pending_, searched_)) != pending_.npos; start = searched_ = end) {
    const std::string_view event(pending_.data() + start, end - start);
    if (keep(event)) out += event;
  }
  pending_.erase(0, start);
  if (pending_.size() > event_bytes_max) out += std::exchange(pending_, {});
  // A blank line may have begun in what is here.
  searched_ = pending_.size() - std::min(pending_.size(), blank_bytes_max - 1);
  return out;
}

std::optional<std::string> with_usage_requested(const std::string& body) {
  auto object = parse_object(body);
  if (!object) return std::nullopt;
  const auto* stream = object->if_contains("stream");
  if (!stream || !stream->is_bool() || !stream->get_bool()) return std::nullopt;
  if (!object->contains("messages") && !object->contains("prompt")) return std::nullopt;
  auto& options = (*object)["stream_options"];
  if (options.is_null()) options = boost::json::object();
  if (!options.is_object()) return std::nullopt;  // the model server will refuse it with its own message
  auto& include = options.get_object()["include_usage"];
  if (include.is_bool() && include.get_bool()) return std::nullopt;
  include = true;
  return boost::json::serialize(*object);
}

}  // namespace hearth::sagemaker
