#include <algorithm>
#include <charconv>
#include <limits>

#include "api/logs/errors.h"
#include "base/bytes.h"
#include "services/logs/filter_pattern.h"
#include "services/logs/service.h"

namespace hearth::logs {
namespace errors = api::logs::errors;
namespace {

constexpr std::size_t answer_bytes_max = 1'048'576, event_count_max = 10'000, stream_names_max = 100;
constexpr std::size_t scanned_count_max = 100'000;  // per call; the rest follows with nextToken
constexpr std::size_t page = 2'000;
// Above every sequence a store gives out, and one more still does not wrap around.
constexpr std::uint64_t sequence_after_all = std::numeric_limits<std::int64_t>::max();

// Events of several streams in the order (timestamp, stream name, sequence), a page of each in memory.
struct StreamCursor {
  std::string name, key;
  EventPosition from;
  bool has_from = false, at_end = false;
  std::vector<LogEvent> events;
  std::size_t next = 0;
};

struct Position {
  EventPosition event;
  std::string stream;
};
std::string token_of(const Position& position) {
  return to_base64(std::to_string(position.event.timestamp_ms) + "/" + std::to_string(position.event.sequence) + "/" +
                   position.stream);
}
bool parse_token(std::string_view token, Position& position) {
  const auto text = from_base64(token);
  if (!text) return false;
  const auto first = text->find('/');
  const auto second = first == text->npos ? first : text->find('/', first + 1);
  if (second == text->npos) return false;
  const char* data = text->data();
  position.stream = text->substr(second + 1);
  return std::from_chars(data, data + first, position.event.timestamp_ms).ptr == data + first &&
         std::from_chars(data + first + 1, data + second, position.event.sequence).ptr == data + second;
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
Async<types::FilterLogEventsResponse> LogsService::filter_log_events(const RequestContext& ctx,
                                                                     const types::FilterLogEventsRequest& in) {
  const std::string group_name = group_name_of(in.log_group_name, in.log_group_identifier);
  if (group_name.empty())
    co_return errors::invalid_parameter_exception("logGroupName or logGroupIdentifier is needed.");
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

  Position after;
  if (in.next_token && !parse_token(*in.next_token, after))
    co_return errors::invalid_parameter_exception("The specified nextToken is invalid.");
  std::vector<StreamCursor> cursors;
  for (const StreamRow& stream : streams) {
    if (in.log_stream_names && std::ranges::find(*in.log_stream_names, stream.name) == in.log_stream_names->end())
      continue;
    StreamCursor cursor;
    cursor.name = stream.name;
    cursor.key = event_stream(group, stream);
    if (in.next_token) {
      cursor.has_from = true;
      cursor.from = after.event;
      if (stream.name < after.stream) cursor.from.sequence = sequence_after_all;
      if (stream.name > after.stream) cursor.from = {after.event.timestamp_ms - 1, sequence_after_all};
    }
    cursors.push_back(std::move(cursor));
  }
  if (in.log_stream_names)
    for (const std::string& name : *in.log_stream_names)
      if (std::ranges::find(streams, name, &StreamRow::name) == streams.end())
        co_return errors::resource_not_found_exception("The specified log stream does not exist.");

  const TimeSpan span{in.start_time.value_or(0),
                      in.end_time ? *in.end_time + 1 : std::numeric_limits<std::int64_t>::max()};
  const std::size_t limit = static_cast<std::size_t>(in.limit.value_or(event_count_max));
  types::FilterLogEventsResponse out;
  auto& found = out.events.emplace();
  out.searched_log_streams.emplace();
  std::size_t bytes = 0, scanned = 0;
  Position last;
  for (;;) {
    StreamCursor* earliest = nullptr;
    for (StreamCursor& cursor : cursors) {
      if (cursor.next == cursor.events.size() && !cursor.at_end) {
        CO_TRY(cursor.events,
               co_await telemetry_.events(cursor.key, span, cursor.has_from ? &cursor.from : nullptr, page, false));
        cursor.next = 0;
        cursor.at_end = cursor.events.size() < page;
        if (!cursor.events.empty()) {
          cursor.from = {cursor.events.back().timestamp_ms, cursor.events.back().sequence};
          cursor.has_from = true;
        }
      }
      if (cursor.next == cursor.events.size()) continue;
      // Cursors are in the order of names, so the first of equal times is the one.
      if (!earliest || cursor.events[cursor.next].timestamp_ms < earliest->events[earliest->next].timestamp_ms)
        earliest = &cursor;
    }
    if (!earliest) co_return out;
    if (found.size() >= limit || bytes >= answer_bytes_max || scanned >= scanned_count_max) {
      out.next_token = token_of(last);
      co_return out;
    }
    LogEvent& event = earliest->events[earliest->next++];
    ++scanned;
    last = {{event.timestamp_ms, event.sequence}, earliest->name};
    if (!pattern->matches(event.message)) continue;
    bytes += event.message.size() + 26;
    types::FilteredLogEvent shown;
    shown.log_stream_name = earliest->name;
    shown.timestamp = event.timestamp_ms;
    shown.ingestion_time = event.ingestion_ms;
    shown.event_id = std::to_string(event.timestamp_ms) + std::to_string(event.sequence);
    shown.message = std::move(event.message);
    found.push_back(std::move(shown));
  }
}

}  // namespace hearth::logs
