// Alarms, their history and tags as rows. Keys are in README.md.
#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/metadata_store.h"

namespace hearth::cloudwatch {

struct DimensionRow {
  std::string name, value;
};
BOOST_DESCRIBE_STRUCT(DimensionRow, (), (name, value))

struct QueryRow {
  std::string id;
  // a metric …
  std::string metric_namespace, metric_name;
  std::vector<DimensionRow> dimensions;
  int period_seconds = 0;  // of an expression: 0 if it has none of its own
  std::string stat;
  std::optional<std::string> unit;
  // … or an expression
  std::string expression;
  std::optional<std::string> label;
  std::optional<bool> return_data;
};
BOOST_DESCRIBE_STRUCT(QueryRow, (),
                      (id, metric_namespace, metric_name, dimensions, period_seconds, stat, unit, expression, label,
                       return_data))

// A message that a topic has not taken yet.
struct NoticeRow {
  std::string topic_arn, subject, message;
};
BOOST_DESCRIBE_STRUCT(NoticeRow, (), (topic_arn, subject, message))

struct AlarmRow {
  std::string account_id, region, name;
  std::optional<std::string> description;
  bool actions_enabled = true;
  std::vector<std::string> ok_actions, alarm_actions, insufficient_data_actions;

  // One metric with a statistic …
  std::string metric_namespace, metric_name;
  std::optional<std::string> statistic, extended_statistic, unit;
  std::vector<DimensionRow> dimensions;
  int period_seconds = 0;
  // … or metric math.
  std::vector<QueryRow> metrics;

  int evaluation_periods = 1;
  std::optional<int> datapoints_to_alarm;
  double threshold = 0;
  std::string comparison_operator;
  std::optional<std::string> treat_missing_data, evaluate_low_sample_count_percentile;
  std::int64_t configured_ms = 0;

  std::string state_value = "INSUFFICIENT_DATA";
  std::string state_reason = "Unchecked: Initial alarm creation";
  std::string state_reason_data;
  std::int64_t state_updated_ms = 0;
  std::int64_t state_transitioned_ms = 0;

  std::vector<NoticeRow> owed_notices;
};
BOOST_DESCRIBE_STRUCT(AlarmRow, (),
                      (account_id, region, name, description, actions_enabled, ok_actions, alarm_actions,
                       insufficient_data_actions, metric_namespace, metric_name, statistic, extended_statistic, unit,
                       dimensions, period_seconds, metrics, evaluation_periods, datapoints_to_alarm, threshold,
                       comparison_operator, treat_missing_data, evaluate_low_sample_count_percentile, configured_ms,
                       state_value, state_reason, state_reason_data, state_updated_ms, state_transitioned_ms,
                       owed_notices))

struct AlarmHistoryRow {
  std::string alarm_name, type, summary, data;
  std::int64_t time_ms = 0;
};
BOOST_DESCRIBE_STRUCT(AlarmHistoryRow, (), (alarm_name, type, summary, data, time_ms))

using Tags = std::map<std::string, std::string>;

std::string alarm_key(std::string_view account_id, std::string_view region, std::string_view name);
std::string alarms_prefix(std::string_view account_id, std::string_view region);
std::string all_alarms_prefix();
std::string history_prefix(std::string_view account_id, std::string_view region);
// `number` keeps entries of one alarm and millisecond apart and in order.
std::string history_key(std::string_view account_id, std::string_view region, std::int64_t time_ms,
                        std::string_view alarm_name, std::uint64_t number);
std::string tags_key(std::string_view resource_arn);

// Nothing if there is no such alarm.
Async<std::optional<AlarmRow>> find_alarm(Transaction& tx, std::string_view account_id, std::string_view region,
                                          std::string_view name);
void put_alarm(Transaction& tx, const AlarmRow& alarm);

std::string encode_history(const AlarmHistoryRow& row);
Result<AlarmHistoryRow> decode_history(std::string_view bytes);
Result<AlarmRow> decode_alarm(std::string_view bytes);
std::string encode_tags(const Tags& tags);
Result<Tags> decode_tags(std::string_view bytes);

}  // namespace hearth::cloudwatch
