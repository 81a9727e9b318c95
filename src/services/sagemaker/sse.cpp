#include "services/sagemaker/sse.h"

#include <boost/json.hpp>

namespace hearth::sagemaker {
namespace {

// One event is never longer than this; beyond it we stop looking inside and pass bytes on.
constexpr std::size_t event_bytes_max = 1 << 20;

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

}  // namespace

std::optional<TokenUsage> usage_of(std::string_view json) {
  const auto object = parse_object(json);
  return object ? usage_in(*object) : std::nullopt;
}

bool SseFilter::keep(std::string_view event) {
  const auto at = event.find("\"usage\"");
  if (at == event.npos) return true;
  const auto data = event.find("data:");
  if (data == event.npos) return true;
  const auto object = parse_object(event.substr(data + 5));
  if (!object) return true;
  const auto usage = usage_in(*object);
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
  for (std::size_t end; (end = pending_.find("\n\n", start)) != pending_.npos; start = end + 2) {
    const std::string_view event(pending_.data() + start, end + 2 - start);
    if (keep(event)) out += event;
  }
  pending_.erase(0, start);
  if (pending_.size() > event_bytes_max) out += std::exchange(pending_, {});
  return out;
}

std::optional<std::string> with_usage_requested(const std::string& body) {
  auto object = parse_object(body);
  if (!object) return std::nullopt;
  const auto* stream = object->if_contains("stream");
  if (!stream || !stream->is_bool() || !stream->get_bool()) return std::nullopt;
  auto& options = (*object)["stream_options"];
  if (options.is_null()) options = boost::json::object();
  if (!options.is_object()) return std::nullopt;  // the model server will refuse it with its own message
  auto& include = options.get_object()["include_usage"];
  if (include.is_bool() && include.get_bool()) return std::nullopt;
  include = true;
  return boost::json::serialize(*object);
}

}  // namespace hearth::sagemaker
