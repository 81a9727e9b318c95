#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>
#include <queue>

#include "api/logs/errors.h"
#include "base/bytes.h"
#include "base/executor.h"
#include "services/logs/filter_pattern.h"
#include "services/logs/service.h"

namespace hearth::logs {
namespace errors = api::logs::errors;
namespace {

constexpr std::size_t answer_bytes_max = 1'048'576, event_count_max = 10'000, stream_names_max = 100;
constexpr std::size_t event_overhead_bytes = 26;
// Per call; the rest follows with nextToken.
constexpr std::size_t scanned_count_max = 100'000, scanned_bytes_max = 64 << 20;
// Of all streams together in memory, and of one.
constexpr std::size_t page_bytes_total = 32 << 20, page_bytes_min = 64 << 10, page_bytes_max = 4 << 20;
constexpr std::size_t page_count_total = 20'000, page_count_min = 20, page_count_max = 2'000;
constexpr std::size_t bytes_between_breaks = 256 << 10;

// One stream's next events. A stream is not read before its first event can be the next one.
struct StreamCursor {
  std::string name, key;
  std::vector<LogEvent> events;
  std::size_t next = 0;
  bool is_loaded = false;  // events holds what comes next
};

// The cursor whose next event is the earliest comes first.
struct Turn {
  EventPosition position;
  StreamCursor* cursor = nullptr;
  bool operator>(const Turn& other) const { return position > other.position; }
};

EventPosition position_of(const LogEvent& event) {
  return {event.timestamp_ms, event.sequence};
}
std::string token_of(const EventPosition& position) {
  return to_base64(std::to_string(position.timestamp_ms) + "/" + std::to_string(position.sequence));
}
bool parse_token(std::string_view token, EventPosition& position) {
  const auto text = from_base64(token);
  const auto slash = text ? text->find('/') : std::string::npos;
  if (slash == std::string::npos) return false;
  const char *const data = text->data(), *const end = data + text->size();
  return std::from_chars(data, data + slash, position.timestamp_ms).ptr == data + slash &&
         std::from_chars(data + slash + 1, end, position.sequence).ptr == end;
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
Async<types::FilterLogEventsResponse> LogsService::filter_log_events(const RequestContext& ctx,
                                                                     const types::FilterLogEventsRequest& in) {
  CO_TRY(const std::string group_name, one_group_name(ctx, in.log_group_name, in.log_group_identifier));
  if (in.log_stream_names && in.log_stream_name_prefix)
    co_return errors::invalid_parameter_exception("logStreamNames and logStreamNamePrefix cannot be used together.");
  if (in.log_stream_names && in.log_stream_names->size() > stream_names_max)
    co_return errors::invalid_parameter_exception("At most 100 logStreamNames.");
  auto pattern = FilterPattern::parse(in.filter_pattern ? std::string_view(*in.filter_pattern) : std::string_view());
  if (!pattern) co_return errors::invalid_parameter_exception(pattern.error().message());
  CO_TRY(const GroupRow group, co_await find_group(ctx.account_id, ctx.region, group_name));
  CO_TRY(const auto streams,
         co_await streams_of(
             group, in.log_stream_name_prefix ? std::string_view(*in.log_stream_name_prefix) : std::string_view()));

  EventPosition after;  // what the page before ended with
  if (in.next_token && !parse_token(*in.next_token, after))
    co_return errors::invalid_parameter_exception("The specified nextToken is invalid.");
  if (in.log_stream_names)
    for (const std::string& name : *in.log_stream_names)
      if (std::ranges::find(streams, name, &StreamRow::name) == streams.end())
        co_return errors::resource_not_found_exception("The specified log stream does not exist.");
  constexpr std::int64_t no_end = std::numeric_limits<std::int64_t>::max();
  // AWS: unlike in GetLogEvents, the end is part of the span.
  const TimeSpan span{in.start_time.value_or(0), in.end_time && *in.end_time < no_end ? *in.end_time + 1 : no_end};

  std::vector<StreamCursor> cursors;
  cursors.reserve(streams.size());  // turns point into it
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns;
  for (const StreamRow& stream : streams) {
    if (in.log_stream_names && std::ranges::find(*in.log_stream_names, stream.name) == in.log_stream_names->end())
      continue;
    cursors.push_back({.name = stream.name, .key = event_stream(group, stream)});
    turns.push({{stream.first_event_ms, 0}, &cursors.back()});
  }

  const std::size_t limit = static_cast<std::size_t>(in.limit.value_or(event_count_max));
  types::FilterLogEventsResponse out;
  auto& found = out.events.emplace();
  out.searched_log_streams.emplace();  // AWS: always empty
  std::size_t bytes = 0, scanned_count = 0, scanned_bytes = 0, bytes_since_break = 0, loaded_count = 0;
  EventPosition last = after;
  while (!turns.empty()) {
    StreamCursor& cursor = *turns.top().cursor;
    if (!cursor.is_loaded) {
      turns.pop();
      if (cursor.events.empty()) ++loaded_count;  // it has not been read before
      const std::size_t count = std::clamp(page_count_total / loaded_count, page_count_min, page_count_max);
      const std::size_t page_bytes = std::clamp(page_bytes_total / loaded_count, page_bytes_min, page_bytes_max);
      const EventPosition from = cursor.events.empty() ? after : position_of(cursor.events.back());
      const bool has_from = in.next_token || !cursor.events.empty();
      CO_TRY(cursor.events,
             co_await telemetry_.events(cursor.key, span, has_from ? &from : nullptr, {count, page_bytes}, false));
      cursor.next = 0;
      cursor.is_loaded = true;
      if (!cursor.events.empty()) turns.push({position_of(cursor.events.front()), &cursor});
      continue;
    }
    if (found.size() >= limit || bytes >= answer_bytes_max || scanned_count >= scanned_count_max ||
        scanned_bytes >= scanned_bytes_max) {
      out.next_token = token_of(last);
      break;
    }
    LogEvent& event = cursor.events[cursor.next];
    const std::size_t event_bytes = event.message.size() + event_overhead_bytes;
    const bool is_wanted = pattern->matches(event.message);
    if (is_wanted && !found.empty() && bytes + event_bytes > answer_bytes_max) {
      out.next_token = token_of(last);
      break;
    }
    turns.pop();
    last = position_of(event);
    ++scanned_count;
    scanned_bytes += event_bytes;
    bytes_since_break += event_bytes;
    if (is_wanted) {
      bytes += event_bytes;
      types::FilteredLogEvent& shown = found.emplace_back();
      shown.log_stream_name = cursor.name;
      shown.timestamp = event.timestamp_ms;
      shown.ingestion_time = event.ingestion_ms;
      shown.event_id = std::to_string(event.timestamp_ms) + std::to_string(event.sequence);
      shown.message = std::move(event.message);
    }
    if (++cursor.next < cursor.events.size()) {
      turns.push({position_of(cursor.events[cursor.next]), &cursor});
    } else {
      // More may follow, but none before what came last: read on when it is this stream's turn again.
      cursor.is_loaded = false;
      turns.push({position_of(cursor.events.back()), &cursor});
    }
    // Others on this thread want to be served too.
    if (bytes_since_break >= bytes_between_breaks && Executor::current()) {
      bytes_since_break = 0;
      co_await suspend([](auto resume) { resume(); });
    }
  }
  co_return out;
}

}  // namespace hearth::logs
