#include "services/logs/service.h"

#include <algorithm>
#include <utility>

#include "api/logs/errors.h"
#include "base/log.h"
#include "ports/read_rows.h"
#include "services/logs/access.h"
#include "services/logs/embedded_metrics.h"

namespace hearth::logs {
namespace errors = api::logs::errors;

std::string group_arn(std::string_view region, std::string_view account, std::string_view name) {
  std::string arn = "arn:aws:logs:";
  arn.append(region).append(":").append(account).append(":log-group:").append(name);
  return arn;
}

std::string group_name_of(const wire::Opt<std::string>& name, const wire::Opt<std::string>& identifier) {
  if (name) return *name;
  if (!identifier) return {};
  std::string text = *identifier;
  if (const auto at = text.find(":log-group:"); at != text.npos) text.erase(0, at + 11);
  if (text.ends_with(":*")) text.resize(text.size() - 2);
  return text;
}

Result<std::string> one_group_name(const RequestContext& ctx, const wire::Opt<std::string>& name,
                                   const wire::Opt<std::string>& identifier) {
  if (name.has_value() == identifier.has_value())
    return errors::invalid_parameter_exception("Exactly one of logGroupName and logGroupIdentifier is needed.");
  std::string group = group_name_of(name, identifier);
  if (identifier && identifier->starts_with("arn:")) {
    const std::string own = group_arn(ctx.region, ctx.account_id, group);
    if (*identifier != own && *identifier != own + ":*")
      return errors::resource_not_found_exception("The specified log group does not exist.");
  }
  return group;
}

void LogsService::register_operations(OperationTable& table) {
  namespace op = api::logs::op;
  table.serve<op::CreateLogGroup>(*this, &LogsService::create_log_group);
  table.serve<op::DeleteLogGroup>(*this, &LogsService::delete_log_group);
  table.serve<op::DescribeLogGroups>(*this, &LogsService::describe_log_groups);
  table.serve<op::CreateLogStream>(*this, &LogsService::create_log_stream);
  table.serve<op::DeleteLogStream>(*this, &LogsService::delete_log_stream);
  table.serve<op::DescribeLogStreams>(*this, &LogsService::describe_log_streams);
  table.serve<op::PutLogEvents>(*this, &LogsService::put_log_events);
  table.serve<op::GetLogEvents>(*this, &LogsService::get_log_events);
  table.serve<op::FilterLogEvents>(*this, &LogsService::filter_log_events);
  table.serve<op::PutRetentionPolicy>(*this, &LogsService::put_retention_policy);
  table.serve<op::DeleteRetentionPolicy>(*this, &LogsService::delete_retention_policy);
  table.serve<op::TagResource>(*this, &LogsService::tag_resource);
  table.serve<op::UntagResource>(*this, &LogsService::untag_resource);
  table.serve<op::ListTagsForResource>(*this, &LogsService::list_tags_for_resource);
}

Async<GroupRow> LogsService::find_group(std::string_view account, std::string_view region, std::string_view name) {
  CO_TRY(const auto stored, co_await store_.get(group_key(account, region, name)));
  if (!stored) co_return errors::resource_not_found_exception("The specified log group does not exist.");
  co_return row::decode<GroupRow>(*stored);
}

Async<StreamRow> LogsService::find_stream(const GroupRow& group, std::string_view name) {
  CO_TRY(const auto stored, co_await store_.get(stream_key(group.id, name)));
  if (!stored) co_return errors::resource_not_found_exception("The specified log stream does not exist.");
  co_return row::decode<StreamRow>(*stored);
}

Async<void> LogsService::change_group(const RequestContext& ctx, const std::string& name,
                                      const std::function<void(GroupRow&)>& change) {
  const std::string key = group_key(ctx.account_id, ctx.region, name);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (!stored) co_return errors::resource_not_found_exception("The specified log group does not exist.");
    CO_TRY(GroupRow group, row::decode<GroupRow>(*stored));
    change(group);
    tx.put(key, row::encode(group));
    co_return ok;
  };
  co_return co_await transact(store_, body);
}

Async<std::vector<StreamRow>> LogsService::streams_of(const GroupRow& group, std::string_view name_prefix) {
  CO_TRY(auto streams, co_await read_rows<StreamRow>(store_, stream_prefix(group.id)));
  std::erase_if(streams, [&](const StreamRow& stream) { return !stream.name.starts_with(name_prefix); });
  co_return streams;
}

Async<void> LogsService::append(std::string_view account, std::string_view region, const GroupRow& group,
                                const StreamRow& stream, std::vector<LogEvent> events) {
  if (events.empty()) co_return ok;
  std::int64_t first_ms = events.front().timestamp_ms, last_ms = first_ms;
  std::vector<std::string> metric_lines;
  for (const LogEvent& event : events) {
    first_ms = std::min(first_ms, event.timestamp_ms);
    last_ms = std::max(last_ms, event.timestamp_ms);
    if (may_hold_metrics(event.message)) metric_lines.push_back(event.message);
  }
  const std::int64_t ingestion_ms = events.front().ingestion_ms;
  CO_TRY_DO(co_await telemetry_.append_events(event_stream(group, stream), std::move(events)));
  const std::string key = stream_key(group.id, stream.name);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (!stored) co_return ok;  // deleted meanwhile
    CO_TRY(StreamRow row, row::decode<StreamRow>(*stored));
    if (row.first_event_ms == 0 || first_ms < row.first_event_ms) row.first_event_ms = first_ms;
    row.last_event_ms = std::max(row.last_event_ms, last_ms);
    row.last_ingestion_ms = std::max(row.last_ingestion_ms, ingestion_ms);
    tx.put(key, row::encode(row));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return co_await put_embedded_metrics(account, region, std::move(metric_lines), ingestion_ms);
}

// Points are handed on before they are many, and a batch gives no more than so many: lines are short for what they say.
Async<void> LogsService::put_embedded_metrics(std::string_view account, std::string_view region,
                                              std::vector<std::string> lines, std::int64_t now_ms) {
  constexpr std::size_t points_at_a_time = 5'000, points_per_batch_max = 250'000;
  std::vector<MetricPoint> points;
  std::size_t count = 0;
  for (const std::string& line : lines) {
    const std::size_t count_before = points.size();
    add_embedded_metrics(line, now_ms, points);
    count += points.size() - count_before;
    if (count > points_per_batch_max) {
      log::warning("a batch of log events holds too many embedded metrics; the rest of it is plain events",
                   {{"account", std::string(account)}});
      points.resize(count_before);
      break;
    }
    if (points.size() < points_at_a_time) continue;
    CO_TRY_DO(co_await metrics_.put_metrics(account, region, std::exchange(points, {})));
  }
  if (!points.empty()) CO_TRY_DO(co_await metrics_.put_metrics(account, region, std::move(points)));
  co_return ok;
}

Async<void> LogsService::put_log_lines(std::string_view account_id, std::string_view region,
                                       std::string_view group_name, std::string_view stream_name,
                                       std::vector<std::pair<std::int64_t, std::string>> timestamped_lines) {
  GroupRow group;
  StreamRow stream;
  const std::int64_t now_ms = to_ms(clock_.now());
  const TransactionBody ensure = [&](Transaction& tx) -> Async<void> {
    const std::string group_row_key = group_key(account_id, region, group_name);
    CO_TRY(const auto stored_group, co_await tx.get(group_row_key));
    if (stored_group) {
      CO_TRY(group, row::decode<GroupRow>(*stored_group));
    } else {
      group = GroupRow{std::string(group_name), ids_.uuid(), now_ms, 0, {}};
      tx.put(group_row_key, row::encode(group));
    }
    const std::string stream_row_key = stream_key(group.id, stream_name);
    CO_TRY(const auto stored_stream, co_await tx.get(stream_row_key));
    if (stored_stream) {
      CO_TRY(stream, row::decode<StreamRow>(*stored_stream));
    } else {
      stream = StreamRow{std::string(stream_name), ids_.uuid(), now_ms, 0, 0, 0};
      tx.put(stream_row_key, row::encode(stream));
    }
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, ensure));
  std::vector<LogEvent> events;
  for (auto& [timestamp_ms, line] : timestamped_lines) events.push_back({timestamp_ms, now_ms, 0, std::move(line)});
  co_return co_await append(account_id, region, group, stream, std::move(events));
}

Async<void> LogsService::sweep() {
  const std::int64_t now_ms = to_ms(clock_.now());
  CO_TRY(const auto groups, co_await read_rows<GroupRow>(store_, make_key("logs", "group")));
  for (const GroupRow& group : groups) {
    if (group.retention_days == 0) continue;
    const std::int64_t before_ms = now_ms - group.retention_days * 86'400'000ll;
    CO_TRY(const auto streams, co_await streams_of(group, ""));
    for (const StreamRow& stream : streams) {
      if (stream.first_event_ms == 0 || stream.first_event_ms >= before_ms) continue;
      CO_TRY_DO(co_await telemetry_.remove_events_before(event_stream(group, stream), before_ms));
    }
  }
  co_return ok;
}

void LogsService::start_sweeping() {
  sweeper_ = std::make_unique<BackgroundLoop>("logs-sweep", std::chrono::hours(1), [this] {
    if (const auto swept = sync_wait(sweep()); !swept)
      log::warning("sweeping old log events failed", {{"why", swept.error().message()}});
  });
}

}  // namespace hearth::logs
