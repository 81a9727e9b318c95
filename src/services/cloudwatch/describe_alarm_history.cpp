#include "api/cloudwatch/errors.h"
#include "services/cloudwatch/cloudwatch_service.h"

namespace hearth::cloudwatch {
namespace {

namespace errors = hearth::api::cloudwatch::errors;

constexpr int record_count_default = 100;
constexpr std::size_t scan_page_size = 500;

bool matches(const AlarmHistoryRow& history, const api::DescribeAlarmHistoryInput& in) {
  if (in.alarm_name && history.alarm_name != *in.alarm_name) return false;
  return !in.history_item_type || history.type == *in.history_item_type;
}

api::AlarmHistoryItem describe(const AlarmHistoryRow& history) {
  api::AlarmHistoryItem item;
  item.alarm_name = history.alarm_name;
  item.alarm_type = std::string(api::AlarmType::MetricAlarm);
  item.timestamp = wire::Timestamp(history.time_ms);
  item.history_item_type = history.type;
  item.history_summary = history.summary;
  item.history_data = history.data;
  return item;
}

std::string at_time(const std::string& prefix, std::int64_t time_ms) {
  KeyBuilder time;
  time.number(static_cast<std::uint64_t>(std::max<std::int64_t>(0, time_ms)));
  return prefix + time.bytes();
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html
Async<api::DescribeAlarmHistoryOutput> CloudWatchService::describe_alarm_history(
    const RequestContext& ctx, const api::DescribeAlarmHistoryInput& in) {
  const std::string prefix = history_prefix(ctx.account_id, ctx.region);
  KeyRange range = KeyRange::prefix(prefix);
  if (in.start_date) range.begin = at_time(prefix, in.start_date->ms);
  if (in.end_date) range.end = at_time(prefix, in.end_date->ms + 1);
  const bool is_descending = !in.scan_by || *in.scan_by == api::ScanBy::TimestampDescending;
  // The token is the key of the last entry of the page before.
  if (in.next_token) {
    const auto last_key = from_base64(*in.next_token);
    if (!last_key || !last_key->starts_with(prefix))
      co_return errors::invalid_next_token("The next token is not valid.");
    if (is_descending)
      range.end = *last_key;
    else
      range.begin = *last_key + '\0';
  }

  const auto record_count_max = static_cast<std::size_t>(in.max_records.value_or(record_count_default));
  api::DescribeAlarmHistoryOutput out;
  out.alarm_history_items.has = true;
  std::string last_key;
  for (;;) {
    CO_TRY(const auto rows, co_await store_.scan(range, scan_page_size, is_descending));
    for (const KeyValue& stored : rows) {
      CO_TRY(const AlarmHistoryRow history, decode_history(stored.value));
      if (!matches(history, in)) continue;
      if (out.alarm_history_items->size() == record_count_max) {
        out.next_token = to_base64(last_key);
        co_return out;
      }
      out.alarm_history_items->push_back(describe(history));
      last_key = stored.key;
    }
    if (rows.size() < scan_page_size) co_return out;
    if (is_descending)
      range.end = rows.back().key;
    else
      range.begin = rows.back().key + '\0';
  }
}

}  // namespace hearth::cloudwatch
