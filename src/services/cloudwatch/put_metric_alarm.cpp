#include <fmt/format.h>

#include <algorithm>

#include "api/cloudwatch/errors.h"
#include "services/cloudwatch/alarm_description.h"
#include "services/cloudwatch/alarm_state.h"
#include "services/cloudwatch/arn.h"
#include "services/cloudwatch/cloudwatch_service.h"

namespace hearth::cloudwatch {
namespace {

namespace errors = hearth::api::cloudwatch::errors;

constexpr std::size_t action_count_max = 5;
constexpr std::int64_t evaluation_seconds_max = 24 * 3600;
constexpr std::int64_t evaluation_seconds_max_of_hours = 7 * 24 * 3600;  // AWS: for periods of an hour and more

Result<void> check_actions(const std::vector<std::string>& actions, std::string_view parameter) {
  if (actions.size() > action_count_max)
    return errors::validation_error(fmt::format("The parameter {} must hold at most 5 actions.", parameter));
  for (const std::string& action : actions) {
    if (!action.starts_with("arn:")) return errors::validation_error(fmt::format("Invalid arn syntax: {}", action));
    if (!action.starts_with("arn:aws:sns:"))
      return errors::validation_error(
          fmt::format("The action {} is not served here: alarms can notify SNS topics", action));
  }
  return ok;
}

Result<void> check_single_metric(const api::PutMetricAlarmInput& in) {
  if (!in.namespace_) return errors::validation_error("The parameter Namespace is required with MetricName.");
  if (!in.period) return errors::validation_error("The parameter Period is required with MetricName.");
  if (!is_period(*in.period)) return errors::validation_error("Period must be 1, 5, 10, 20, 30 or a multiple of 60");
  if (in.statistic.has == in.extended_statistic.has)
    return errors::validation_error("Exactly one of Statistic and ExtendedStatistic must be specified.");
  const auto statistic = Statistic::parse(in.statistic ? *in.statistic : *in.extended_statistic);
  if (!statistic) return errors::validation_error(statistic.error().message());
  if (statistic->is_percentile() != in.extended_statistic.has)
    return errors::validation_error("Percentiles belong into ExtendedStatistic, all other statistics into Statistic.");
  return ok;
}

Result<void> check_metric_math(const RequestContext& ctx, const api::PutMetricAlarmInput& in) {
  if (in.namespace_ || in.period || in.statistic || in.extended_statistic || in.dimensions || in.unit)
    return errors::validation_error("Metrics cannot be combined with the parameters of a single metric.");
  TRY(const auto queries, parse_queries(ctx.account_id, ctx.region, *in.metrics));
  if (std::ranges::count_if(queries, &MetricQuery::returns_data) != 1)
    return errors::validation_error("Exactly one element of the metrics list should return data.");
  return check_single_series(queries);
}

Result<void> check_evaluation(const api::PutMetricAlarmInput& in, int period_seconds) {
  if (!in.evaluation_periods) return errors::validation_error("The parameter EvaluationPeriods is required.");
  if (in.datapoints_to_alarm && *in.datapoints_to_alarm > *in.evaluation_periods)
    return errors::validation_error("DatapointsToAlarm must be less than or equal to EvaluationPeriods.");
  const std::int64_t seconds = std::int64_t{period_seconds} * *in.evaluation_periods;
  if (seconds > (period_seconds >= 3600 ? evaluation_seconds_max_of_hours : evaluation_seconds_max))
    return errors::validation_error(
        "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).");
  if (!in.comparison_operator) return errors::validation_error("The parameter ComparisonOperator is required.");
  if (in.threshold_metric_id || !parse_comparison(*in.comparison_operator))
    return errors::validation_error("Anomaly detection alarms are not served here.");
  if (!in.threshold) return errors::validation_error("The parameter Threshold is required.");
  if (in.treat_missing_data && !parse_missing_data(*in.treat_missing_data))
    return errors::validation_error("TreatMissingData must be one of breaching, notBreaching, ignore, missing.");
  const auto& low_samples = in.evaluate_low_sample_count_percentile;
  if (low_samples && *low_samples != "evaluate" && *low_samples != "ignore")
    return errors::validation_error("EvaluateLowSampleCountPercentile must be evaluate or ignore.");
  return ok;
}

template <class T>
std::optional<T> to_optional(const wire::Opt<T>& value) {
  return value ? std::optional(*value) : std::nullopt;
}

AlarmRow to_row(const RequestContext& ctx, const api::PutMetricAlarmInput& in) {
  AlarmRow alarm;
  alarm.account_id = ctx.account_id;
  alarm.region = ctx.region;
  alarm.name = in.alarm_name;
  alarm.description = to_optional(in.alarm_description);
  alarm.actions_enabled = in.actions_enabled.value_or(true);
  alarm.ok_actions = in.ok_actions.v;
  alarm.alarm_actions = in.alarm_actions.v;
  alarm.insufficient_data_actions = in.insufficient_data_actions.v;
  alarm.metric_namespace = in.namespace_.v;
  alarm.metric_name = in.metric_name.v;
  alarm.statistic = to_optional(in.statistic);
  alarm.extended_statistic = to_optional(in.extended_statistic);
  alarm.unit = to_optional(in.unit);
  alarm.dimensions = to_dimension_rows(in.dimensions);
  alarm.period_seconds = in.period.v;
  alarm.metrics = to_query_rows(in.metrics.v);
  alarm.evaluation_periods = *in.evaluation_periods;
  alarm.datapoints_to_alarm = to_optional(in.datapoints_to_alarm);
  alarm.threshold = *in.threshold;
  alarm.comparison_operator = *in.comparison_operator;
  alarm.treat_missing_data = to_optional(in.treat_missing_data);
  alarm.evaluate_low_sample_count_percentile = to_optional(in.evaluate_low_sample_count_percentile);
  return alarm;
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
Async<wire::Unit> CloudWatchService::put_metric_alarm(const RequestContext& ctx, const api::PutMetricAlarmInput& in) {
  if (in.evaluation_criteria || in.evaluation_interval)
    co_return errors::validation_error("PromQL alarms are not served here.");
  if (in.metric_name.has == in.metrics.has)
    co_return errors::validation_error("Exactly one of MetricName and Metrics must be specified.");
  CO_TRY_DO(in.metric_name ? check_single_metric(in) : check_metric_math(ctx, in));
  CO_TRY_DO(check_actions(in.alarm_actions.v, "AlarmActions"));
  CO_TRY_DO(check_actions(in.ok_actions.v, "OKActions"));
  CO_TRY_DO(check_actions(in.insufficient_data_actions.v, "InsufficientDataActions"));
  int period_seconds = in.period.v;
  for (const api::MetricDataQuery& query : in.metrics.v)
    period_seconds = std::max(period_seconds, query.metric_stat->period);
  CO_TRY_DO(check_evaluation(in, period_seconds));

  const std::int64_t now_ms = to_ms(clock_.now());
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto old, co_await find_alarm(tx, ctx.account_id, ctx.region, in.alarm_name));
    AlarmRow alarm = to_row(ctx, in);
    alarm.configured_ms = alarm.state_updated_ms = alarm.state_transitioned_ms = now_ms;
    if (old) {
      // AWS: an update replaces the configuration and leaves the state.
      alarm.state_value = old->state_value;
      alarm.state_reason = old->state_reason;
      alarm.state_reason_data = old->state_reason_data;
      alarm.state_updated_ms = old->state_updated_ms;
      alarm.state_transitioned_ms = old->state_transitioned_ms;
      alarm.owed_notices = old->owed_notices;
    } else if (in.tags) {
      // AWS: tags are taken on creation only.
      Tags tags;
      for (const api::Tag& tag : *in.tags) tags[tag.key] = tag.value;
      tx.put(tags_key(arn::alarm(ctx.region, ctx.account_id, in.alarm_name)), encode_tags(tags));
    }
    put_alarm(tx, alarm);
    add_history(tx, alarm, api::HistoryItemType::ConfigurationUpdate,
                fmt::format("Alarm \"{}\" {}", alarm.name, old ? "updated" : "created"), R"({"version":"1.0"})");
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return wire::Unit();
}

}  // namespace hearth::cloudwatch
