#include <algorithm>
#include <charconv>
#include <limits>

#include "api/logs/errors.h"
#include "services/logs/service.h"

namespace hearth::logs {
namespace errors = api::logs::errors;
namespace {

constexpr std::size_t answer_bytes_max = 1'048'576, event_count_max = 10'000, event_overhead_bytes = 26;

// "f/1440938160000/17": forward from there; "b/…": backward.
std::string token_of(char direction, const EventPosition& position) {
  return std::string(1, direction) + "/" + std::to_string(position.timestamp_ms) + "/" +
         std::to_string(position.sequence);
}
bool parse_token(std::string_view token, char& direction, EventPosition& position) {
  if (token.size() < 5 || (token[0] != 'f' && token[0] != 'b') || token[1] != '/') return false;
  direction = token[0];
  const auto slash = token.find('/', 2);
  if (slash == token.npos) return false;
  const auto number = [](std::string_view text, auto& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  };
  return number(token.substr(2, slash - 2), position.timestamp_ms) &&
         number(token.substr(slash + 1), position.sequence);
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
Async<types::GetLogEventsResponse> LogsService::get_log_events(const RequestContext& ctx,
                                                               const types::GetLogEventsRequest& in) {
  CO_TRY(const std::string group_name, one_group_name(ctx, in.log_group_name, in.log_group_identifier));
  CO_TRY(const GroupRow group, co_await find_group(ctx.account_id, ctx.region, group_name));
  CO_TRY(const StreamRow stream, co_await find_stream(group, in.log_stream_name));
  char direction = in.start_from_head.value_or(false) ? 'f' : 'b';
  EventPosition from;
  if (in.next_token && !parse_token(*in.next_token, direction, from))
    co_return errors::invalid_parameter_exception("The specified nextToken is invalid.");
  const TimeSpan span{in.start_time.value_or(0), in.end_time.value_or(std::numeric_limits<std::int64_t>::max())};
  const std::size_t limit = static_cast<std::size_t>(in.limit.value_or(event_count_max));
  const bool backwards = direction == 'b';
  CO_TRY(auto events, co_await telemetry_.events(event_stream(group, stream), span, in.next_token ? &from : nullptr,
                                                 {limit, answer_bytes_max}, backwards));

  std::size_t bytes = 0, count = 0;
  while (count < events.size() &&
         (count == 0 || bytes + events[count].message.size() + event_overhead_bytes <= answer_bytes_max))
    bytes += events[count++].message.size() + event_overhead_bytes;
  events.resize(count);
  if (backwards) std::ranges::reverse(events);  // oldest first, whichever way they were read

  types::GetLogEventsResponse out;
  auto& shown = out.events.emplace();
  for (const LogEvent& event : events) shown.push_back({event.timestamp_ms, event.message, event.ingestion_ms});
  const auto position_of = [](const LogEvent& event) { return EventPosition{event.timestamp_ms, event.sequence}; };
  // AWS: at the end of a stream the token that was given comes back.
  out.next_forward_token = token_of('f', events.empty() ? from : position_of(events.back()));
  out.next_backward_token = token_of('b', events.empty() ? from : position_of(events.front()));
  co_return out;
}

}  // namespace hearth::logs
