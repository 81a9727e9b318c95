#include "services/cloudwatch/alarm_notice.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/time.h"
#include "services/cloudwatch/arn.h"

namespace hearth::cloudwatch {
namespace {

namespace json = boost::json;

json::array to_json(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

json::array to_json(const std::vector<DimensionRow>& dimensions) {
  json::array array;
  for (const DimensionRow& dimension : dimensions)
    array.push_back(json::object{{"name", dimension.name}, {"value", dimension.value}});
  return array;
}

json::value nullable(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

// AWS: statistics are upper case here, and nowhere else.
std::string trigger_statistic(std::string_view statistic) {
  if (statistic == "SampleCount") return "SAMPLE_COUNT";
  std::string upper(statistic);
  for (char& letter : upper) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  return upper;
}

json::array metrics_of(const AlarmRow& alarm) {
  json::array metrics;
  for (const QueryRow& query : alarm.metrics) {
    json::object entry{{"Id", query.id}, {"ReturnData", query.return_data.value_or(true)}};
    if (query.label) entry["Label"] = *query.label;
    if (!query.expression.empty()) {
      entry["Expression"] = query.expression;
    } else {
      const json::object metric{{"Dimensions", to_json(query.dimensions)},
                                {"MetricName", query.metric_name},
                                {"Namespace", query.metric_namespace}};
      entry["MetricStat"] = json::object{{"Metric", metric}, {"Period", query.period_seconds}, {"Stat", query.stat}};
    }
    metrics.push_back(std::move(entry));
  }
  return metrics;
}

json::object trigger_of(const AlarmRow& alarm) {
  json::object trigger;
  if (alarm.metrics.empty()) {
    trigger["MetricName"] = alarm.metric_name;
    trigger["Namespace"] = alarm.metric_namespace;
    trigger["StatisticType"] = alarm.statistic ? "Statistic" : "ExtendedStatistic";
    if (alarm.statistic)
      trigger["Statistic"] = trigger_statistic(*alarm.statistic);
    else
      trigger["ExtendedStatistic"] = alarm.extended_statistic.value_or("");
    trigger["Unit"] = nullable(alarm.unit);
    trigger["Dimensions"] = to_json(alarm.dimensions);
    trigger["Period"] = alarm.period_seconds;
  } else {
    trigger["Metrics"] = metrics_of(alarm);
  }
  trigger["EvaluationPeriods"] = alarm.evaluation_periods;
  if (alarm.datapoints_to_alarm) trigger["DatapointsToAlarm"] = *alarm.datapoints_to_alarm;
  trigger["ComparisonOperator"] = alarm.comparison_operator;
  trigger["Threshold"] = alarm.threshold;
  trigger["TreatMissingData"] = alarm.treat_missing_data.value_or("missing");
  trigger["EvaluateLowSampleCountPercentile"] = alarm.evaluate_low_sample_count_percentile.value_or("");
  return trigger;
}

// AWS: 2026-11-23T12:00:00.000+0000
std::string notice_time(std::int64_t time_ms) {
  std::string text = format_iso8601(from_ms(time_ms));
  text.pop_back();
  return text + "+0000";
}

}  // namespace

const std::vector<std::string>& topics_to_tell(const AlarmRow& alarm) {
  static const std::vector<std::string> nobody;
  if (!alarm.actions_enabled) return nobody;
  if (alarm.state_value == "ALARM") return alarm.alarm_actions;
  return alarm.state_value == "OK" ? alarm.ok_actions : alarm.insufficient_data_actions;
}

std::string notice_subject(const AlarmRow& alarm) {
  constexpr std::size_t subject_length_max = 100;  // of an SNS message
  std::string subject = fmt::format("{}: \"{}\" in {}", alarm.state_value, alarm.name, alarm.region);
  if (subject.size() > subject_length_max) subject.resize(subject_length_max);
  return subject;
}

std::string notice_message(const AlarmRow& alarm, std::string_view old_state_value) {
  const json::object message{
      {"AlarmName", alarm.name},
      {"AlarmDescription", nullable(alarm.description)},
      {"AWSAccountId", alarm.account_id},
      {"AlarmConfigurationUpdatedTimestamp", notice_time(alarm.configured_ms)},
      {"NewStateValue", alarm.state_value},
      {"NewStateReason", alarm.state_reason},
      {"StateChangeTime", notice_time(alarm.state_updated_ms)},
      {"Region", alarm.region},
      {"AlarmArn", arn::alarm(alarm.region, alarm.account_id, alarm.name)},
      {"OldStateValue", old_state_value},
      {"OKActions", to_json(alarm.ok_actions)},
      {"AlarmActions", to_json(alarm.alarm_actions)},
      {"InsufficientDataActions", to_json(alarm.insufficient_data_actions)},
      {"Trigger", trigger_of(alarm)},
  };
  return json::serialize(message);
}

}  // namespace hearth::cloudwatch
