// Log streams: CreateLogStream, DeleteLogStream, DescribeLogStreams.
#include <algorithm>

#include "api/logs/errors.h"
#include "services/logs/service.h"

namespace hearth::logs {
namespace errors = api::logs::errors;

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html
Async<wire::Unit> LogsService::create_log_stream(const RequestContext& ctx, const types::CreateLogStreamRequest& in) {
  const std::string group_row_key = group_key(ctx.account_id, ctx.region, in.log_group_name);
  const StreamRow stream{in.log_stream_name, ids_.uuid(), to_ms(clock_.now()), 0, 0, 0};
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored_group, co_await tx.get(group_row_key));
    if (!stored_group) co_return errors::resource_not_found_exception("The specified log group does not exist.");
    CO_TRY(const GroupRow group, row::decode<GroupRow>(*stored_group));
    const std::string key = stream_key(group.id, in.log_stream_name);
    CO_TRY(const auto stored, co_await tx.get(key));
    if (stored) co_return errors::resource_already_exists_exception("The specified log stream already exists");
    tx.put(key, row::encode(stream));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return wire::Unit{};
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogStream.html
Async<wire::Unit> LogsService::delete_log_stream(const RequestContext& ctx, const types::DeleteLogStreamRequest& in) {
  CO_TRY(const GroupRow group, co_await find_group(ctx.account_id, ctx.region, in.log_group_name));
  CO_TRY(const StreamRow stream, co_await find_stream(group, in.log_stream_name));
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    tx.remove(stream_key(group.id, in.log_stream_name));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  CO_TRY_DO(co_await telemetry_.remove_stream(event_stream(group, stream)));
  co_return wire::Unit{};
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html
Async<types::DescribeLogStreamsResponse> LogsService::describe_log_streams(const RequestContext& ctx,
                                                                           const types::DescribeLogStreamsRequest& in) {
  CO_TRY(const std::string group_name, one_group_name(ctx, in.log_group_name, in.log_group_identifier));
  const bool by_time = in.order_by && *in.order_by == types::OrderBy::LastEventTime;
  if (by_time && in.log_stream_name_prefix)
    co_return errors::invalid_parameter_exception("Cannot order by LastEventTime with a logStreamNamePrefix.");
  CO_TRY(const GroupRow group, co_await find_group(ctx.account_id, ctx.region, group_name));
  CO_TRY(auto streams,
         co_await streams_of(
             group, in.log_stream_name_prefix ? std::string_view(*in.log_stream_name_prefix) : std::string_view()));
  if (by_time) std::ranges::stable_sort(streams, {}, &StreamRow::last_event_ms);
  if (in.descending.value_or(false)) std::ranges::reverse(streams);

  const std::size_t limit = static_cast<std::size_t>(in.limit.value_or(50));
  auto first = streams.begin();
  if (in.next_token) {
    first = std::ranges::find(streams, *in.next_token, &StreamRow::name);
    if (first == streams.end()) co_return errors::invalid_parameter_exception("The specified nextToken is invalid.");
    ++first;
  }
  types::DescribeLogStreamsResponse out;
  auto& shown_streams = out.log_streams.emplace();
  for (auto it = first; it != streams.end(); ++it) {
    if (shown_streams.size() == limit) {
      out.next_token = *shown_streams.back().log_stream_name;
      break;
    }
    types::LogStream shown;
    shown.log_stream_name = it->name;
    shown.creation_time = it->created_ms;
    if (it->last_event_ms) {
      shown.first_event_timestamp = it->first_event_ms;
      shown.last_event_timestamp = it->last_event_ms;
      shown.last_ingestion_time = it->last_ingestion_ms;
    }
    shown.upload_sequence_token = it->id;
    shown.arn = group_arn(ctx.region, ctx.account_id, group.name) + ":log-stream:" + it->name;
    shown.stored_bytes = 0;  // AWS: always 0 since 2019
    shown_streams.push_back(std::move(shown));
  }
  co_return out;
}

}  // namespace hearth::logs
