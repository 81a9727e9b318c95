#include "services/cloudwatch/alarm_rows.h"

#include "base/row.h"

namespace hearth::cloudwatch {
namespace {

constexpr std::string_view table = "cloudwatch";

}  // namespace

std::string alarm_key(std::string_view account_id, std::string_view region, std::string_view name) {
  return make_key(table, "alarm", account_id, region, name);
}
std::string alarms_prefix(std::string_view account_id, std::string_view region) {
  return make_key(table, "alarm", account_id, region);
}
std::string all_alarms_prefix() {
  return make_key(table, "alarm");
}

std::string history_prefix(std::string_view account_id, std::string_view region) {
  return make_key(table, "alarm-history", account_id, region);
}
std::string history_key(std::string_view account_id, std::string_view region, std::int64_t time_ms,
                        std::string_view alarm_name, std::uint64_t number) {
  KeyBuilder key;
  key.text(table).text("alarm-history").text(account_id).text(region);
  key.number(static_cast<std::uint64_t>(time_ms)).text(alarm_name).number(number);
  return std::move(key).take();
}
std::string tags_key(std::string_view resource_arn) {
  return make_key(table, "tags", resource_arn);
}

Async<std::optional<AlarmRow>> find_alarm(Transaction& tx, std::string_view account_id, std::string_view region,
                                          std::string_view name) {
  const std::string key = alarm_key(account_id, region, name);
  CO_TRY(const auto bytes, co_await tx.get(key));
  if (!bytes) co_return std::optional<AlarmRow>();
  CO_TRY(AlarmRow alarm, row::decode<AlarmRow>(*bytes));
  co_return std::optional(std::move(alarm));
}

void put_alarm(Transaction& tx, const AlarmRow& alarm) {
  tx.put(alarm_key(alarm.account_id, alarm.region, alarm.name), row::encode(alarm));
}

std::string encode_history(const AlarmHistoryRow& history) {
  return row::encode(history);
}
Result<AlarmHistoryRow> decode_history(std::string_view bytes) {
  return row::decode<AlarmHistoryRow>(bytes);
}
Result<AlarmRow> decode_alarm(std::string_view bytes) {
  return row::decode<AlarmRow>(bytes);
}
std::string encode_tags(const Tags& tags) {
  return row::encode(tags);
}
Result<Tags> decode_tags(std::string_view bytes) {
  return row::decode<Tags>(bytes);
}

}  // namespace hearth::cloudwatch
