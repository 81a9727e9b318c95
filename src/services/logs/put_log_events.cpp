#include "api/logs/errors.h"
#include "services/logs/service.h"

namespace hearth::logs {
namespace errors = api::logs::errors;
namespace {

constexpr std::size_t batch_bytes_max = 1'048'576, event_overhead_bytes = 26, event_bytes_max = 1'048'576;
constexpr std::int64_t day_ms = 86'400'000, too_old_ms = 14 * day_ms, too_new_ms = 2 * 3'600'000;

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
Async<types::PutLogEventsResponse> LogsService::put_log_events(const RequestContext& ctx,
                                                               const types::PutLogEventsRequest& in) {
  CO_TRY(const GroupRow group, co_await find_group(ctx.account_id, ctx.region, in.log_group_name));
  CO_TRY(const StreamRow stream, co_await find_stream(group, in.log_stream_name));

  std::size_t batch_bytes = 0;
  for (std::size_t i = 0; i < in.log_events.size(); ++i) {
    const types::InputLogEvent& event = in.log_events[i];
    batch_bytes += event.message.size() + event_overhead_bytes;
    if (event.message.size() > event_bytes_max) co_return errors::invalid_parameter_exception("Log event too large.");
    if (i > 0 && event.timestamp < in.log_events[i - 1].timestamp)
      co_return errors::invalid_parameter_exception(
          "Log events in a single PutLogEvents request must be in chronological order.");
  }
  if (batch_bytes > batch_bytes_max)
    co_return errors::invalid_parameter_exception("Upload too large: " + std::to_string(batch_bytes) +
                                                  " bytes exceeds limit of 1048576");
  if (in.log_events.back().timestamp - in.log_events.front().timestamp > day_ms)
    co_return errors::invalid_parameter_exception(
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");

  const std::int64_t now_ms = to_ms(clock_.now());
  const std::int64_t expired_before_ms = group.retention_days ? now_ms - group.retention_days * day_ms : 0;
  types::PutLogEventsResponse out;
  types::RejectedLogEventsInfo rejected;
  std::vector<LogEvent> events;
  for (std::size_t i = 0; i < in.log_events.size(); ++i) {
    const types::InputLogEvent& event = in.log_events[i];
    const auto index = static_cast<std::int32_t>(i);
    if (event.timestamp < expired_before_ms) {
      rejected.expired_log_event_end_index = index + 1;
    } else if (event.timestamp < now_ms - too_old_ms) {
      rejected.too_old_log_event_end_index = index + 1;
    } else if (event.timestamp > now_ms + too_new_ms) {
      if (!rejected.too_new_log_event_start_index) rejected.too_new_log_event_start_index = index;
    } else {
      events.push_back({event.timestamp, now_ms, 0, event.message});
    }
  }
  if (events.size() != in.log_events.size()) out.rejected_log_events_info = rejected;
  CO_TRY_DO(co_await append(ctx.account_id, ctx.region, group, stream, std::move(events)));
  out.next_sequence_token = stream.id;  // AWS: no longer needed, still returned
  co_return out;
}

}  // namespace hearth::logs
