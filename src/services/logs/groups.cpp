// Log groups: CreateLogGroup, DeleteLogGroup, DescribeLogGroups, PutRetentionPolicy, DeleteRetentionPolicy.
#include <algorithm>

#include "api/logs/errors.h"
#include "base/text.h"
#include "services/logs/service.h"

namespace hearth::logs {
namespace errors = api::logs::errors;

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
Async<wire::Unit> LogsService::create_log_group(const RequestContext& ctx, const types::CreateLogGroupRequest& in) {
  if (in.kms_key_id)
    co_return errors::invalid_parameter_exception("Log groups encrypted with a KMS key are not served.");
  if (in.log_group_class && *in.log_group_class != types::LogGroupClass::STANDARD)
    co_return errors::invalid_parameter_exception("Only the log group class STANDARD is served.");
  GroupRow group{in.log_group_name, ids_.uuid(), to_ms(clock_.now()), 0, {}};
  if (in.tags)
    for (const auto& [key, value] : *in.tags) group.tags[key] = value;
  const std::string key = group_key(ctx.account_id, ctx.region, in.log_group_name);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (stored) co_return errors::resource_already_exists_exception("The specified log group already exists");
    tx.put(key, row::encode(group));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return wire::Unit{};
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html
Async<wire::Unit> LogsService::delete_log_group(const RequestContext& ctx, const types::DeleteLogGroupRequest& in) {
  CO_TRY(const GroupRow group, co_await find_group(ctx.account_id, ctx.region, in.log_group_name));
  CO_TRY(const auto streams, co_await streams_of(group, ""));
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    tx.remove(group_key(ctx.account_id, ctx.region, in.log_group_name));
    for (const StreamRow& stream : streams) tx.remove(stream_key(group.id, stream.name));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  // The rows are gone, so nobody can reach the events any more: a crash here only leaves them lying.
  for (const StreamRow& stream : streams) CO_TRY_DO(co_await telemetry_.remove_stream(event_stream(group, stream)));
  co_return wire::Unit{};
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html
Async<types::DescribeLogGroupsResponse> LogsService::describe_log_groups(const RequestContext& ctx,
                                                                         const types::DescribeLogGroupsRequest& in) {
  if (in.log_group_name_prefix && in.log_group_name_pattern)
    co_return errors::invalid_parameter_exception(
        "logGroupNamePrefix and logGroupNamePattern cannot be used together.");
  const std::size_t limit = static_cast<std::size_t>(in.limit.value_or(50));
  const std::string prefix = group_prefix(ctx.account_id, ctx.region);
  KeyRange range = KeyRange::prefix(prefix);
  if (in.next_token) range.begin = group_key(ctx.account_id, ctx.region, *in.next_token) + '\0';
  types::DescribeLogGroupsResponse out;
  auto& groups = out.log_groups.emplace();
  constexpr std::size_t page = 500;
  for (;;) {
    CO_TRY(const auto rows, co_await store_.scan(range, page));
    for (const KeyValue& entry : rows) {
      CO_TRY(const GroupRow group, row::decode<GroupRow>(entry.value));
      if (in.log_group_name_prefix && !group.name.starts_with(*in.log_group_name_prefix)) continue;
      if (in.log_group_name_pattern &&
          to_lower(group.name).find(to_lower(*in.log_group_name_pattern)) == std::string::npos)
        continue;
      if (groups.size() == limit) {
        out.next_token = *groups.back().log_group_name;
        co_return out;
      }
      types::LogGroup shown;
      shown.log_group_name = group.name;
      shown.creation_time = group.created_ms;
      if (group.retention_days) shown.retention_in_days = group.retention_days;
      shown.metric_filter_count = 0;
      shown.log_group_arn = group_arn(ctx.region, ctx.account_id, group.name);
      shown.arn = *shown.log_group_arn + ":*";
      shown.log_group_class = std::string(types::LogGroupClass::STANDARD);
      groups.push_back(std::move(shown));
    }
    if (rows.size() < page) co_return out;
    range.begin = rows.back().key + '\0';
  }
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
Async<wire::Unit> LogsService::put_retention_policy(const RequestContext& ctx,
                                                    const types::PutRetentionPolicyRequest& in) {
  static constexpr std::int32_t allowed[] = {1,   3,   5,   7,   14,   30,   60,   90,   120,  150,  180,
                                             365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653};
  if (std::ranges::find(allowed, in.retention_in_days) == std::end(allowed))
    co_return errors::invalid_parameter_exception(
        "retentionInDays must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, "
        "731, 1096, 1827, 2192, 2557, 2922, 3288 and 3653.");
  const std::function<void(GroupRow&)> change = [&](GroupRow& group) { group.retention_days = in.retention_in_days; };
  CO_TRY_DO(co_await change_group(ctx, in.log_group_name, change));
  co_return wire::Unit{};
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteRetentionPolicy.html
Async<wire::Unit> LogsService::delete_retention_policy(const RequestContext& ctx,
                                                       const types::DeleteRetentionPolicyRequest& in) {
  const std::function<void(GroupRow&)> change = [](GroupRow& group) { group.retention_days = 0; };
  CO_TRY_DO(co_await change_group(ctx, in.log_group_name, change));
  co_return wire::Unit{};
}

}  // namespace hearth::logs
