#include "services/cloudwatch/alarm_description.h"

#include <algorithm>

#include "services/cloudwatch/arn.h"

namespace hearth::cloudwatch {
namespace {

template <class T>
wire::Opt<T> to_opt(const std::optional<T>& value) {
  return value ? wire::Opt<T>(*value) : wire::Opt<T>();
}

std::vector<api::Dimension> describe_dimensions(const std::vector<DimensionRow>& rows) {
  std::vector<api::Dimension> dimensions;
  for (const DimensionRow& row : rows) dimensions.push_back({row.name, row.value});
  return dimensions;
}

}  // namespace

std::vector<DimensionRow> to_dimension_rows(const wire::Opt<std::vector<api::Dimension>>& dimensions) {
  std::vector<DimensionRow> rows;
  for (const api::Dimension& dimension : dimensions.v) rows.push_back({dimension.name, dimension.value});
  return rows;
}

std::vector<QueryRow> to_query_rows(const std::vector<api::MetricDataQuery>& queries) {
  std::vector<QueryRow> rows;
  for (const api::MetricDataQuery& query : queries) {
    QueryRow& row = rows.emplace_back();
    row.id = query.id;
    row.expression = query.expression.v;
    if (query.label) row.label = *query.label;
    if (query.return_data) row.return_data = *query.return_data;
    row.period_seconds = query.period.v;
    if (!query.metric_stat) continue;
    const api::MetricStat& stat = *query.metric_stat;
    row.metric_namespace = stat.metric.namespace_.v;
    row.metric_name = stat.metric.metric_name.v;
    row.dimensions = to_dimension_rows(stat.metric.dimensions);
    row.period_seconds = stat.period;
    row.stat = stat.stat;
    if (stat.unit) row.unit = *stat.unit;
  }
  return rows;
}

std::vector<api::MetricDataQuery> describe_queries(const std::vector<QueryRow>& rows) {
  std::vector<api::MetricDataQuery> queries;
  for (const QueryRow& row : rows) {
    api::MetricDataQuery& query = queries.emplace_back();
    query.id = row.id;
    query.label = to_opt(row.label);
    query.return_data = to_opt(row.return_data);
    if (!row.expression.empty()) {
      query.expression = row.expression;
      if (row.period_seconds > 0) query.period = row.period_seconds;
      continue;
    }
    api::MetricStat& stat = query.metric_stat.emplace();
    stat.metric.namespace_ = row.metric_namespace;
    stat.metric.metric_name = row.metric_name;
    stat.metric.dimensions = describe_dimensions(row.dimensions);
    stat.period = row.period_seconds;
    stat.stat = row.stat;
    stat.unit = to_opt(row.unit);
  }
  return queries;
}

api::MetricAlarm describe_alarm(const AlarmRow& alarm) {
  api::MetricAlarm out;
  out.alarm_name = alarm.name;
  out.alarm_arn = arn::alarm(alarm.region, alarm.account_id, alarm.name);
  out.alarm_description = to_opt(alarm.description);
  out.alarm_configuration_updated_timestamp = wire::Timestamp(alarm.configured_ms);
  out.actions_enabled = alarm.actions_enabled;
  out.ok_actions = alarm.ok_actions;
  out.alarm_actions = alarm.alarm_actions;
  out.insufficient_data_actions = alarm.insufficient_data_actions;
  out.state_value = alarm.state_value;
  out.state_reason = alarm.state_reason;
  if (!alarm.state_reason_data.empty()) out.state_reason_data = alarm.state_reason_data;
  out.state_updated_timestamp = wire::Timestamp(alarm.state_updated_ms);
  out.state_transitioned_timestamp = wire::Timestamp(alarm.state_transitioned_ms);
  if (alarm.metrics.empty()) {
    out.metric_name = alarm.metric_name;
    out.namespace_ = alarm.metric_namespace;
    out.statistic = to_opt(alarm.statistic);
    out.extended_statistic = to_opt(alarm.extended_statistic);
    out.dimensions = describe_dimensions(alarm.dimensions);
    out.period = alarm.period_seconds;
    out.unit = to_opt(alarm.unit);
  } else {
    out.metrics = describe_queries(alarm.metrics);
  }
  out.evaluation_periods = alarm.evaluation_periods;
  out.datapoints_to_alarm = to_opt(alarm.datapoints_to_alarm);
  out.threshold = alarm.threshold;
  out.comparison_operator = alarm.comparison_operator;
  out.treat_missing_data = to_opt(alarm.treat_missing_data);
  out.evaluate_low_sample_count_percentile = to_opt(alarm.evaluate_low_sample_count_percentile);
  return out;
}

Result<std::vector<MetricQuery>> alarm_queries(const AlarmRow& alarm) {
  if (!alarm.metrics.empty()) return parse_queries(alarm.account_id, alarm.region, describe_queries(alarm.metrics));
  TRY(const Statistic statistic,
      Statistic::parse(alarm.statistic ? *alarm.statistic : alarm.extended_statistic.value_or("")));
  std::vector<std::pair<std::string, std::string>> dimensions;
  for (const DimensionRow& dimension : alarm.dimensions) dimensions.emplace_back(dimension.name, dimension.value);
  MetricQuery query{.id = "m1", .period_seconds = alarm.period_seconds};
  query.source = MetricQuery::Source{
      .metric = make_metric_id(alarm.account_id, alarm.region, alarm.metric_namespace, alarm.metric_name,
                               std::move(dimensions)),
      .statistic = statistic,
      .unit = alarm.unit,
  };
  return std::vector<MetricQuery>{std::move(query)};
}

int alarm_period_seconds(const AlarmRow& alarm, const std::vector<MetricQuery>& queries) {
  int period_seconds = alarm.period_seconds;
  for (const MetricQuery& query : queries)
    if (query.source) period_seconds = std::max(period_seconds, query.period_seconds);
  return std::max(period_seconds, 1);
}

}  // namespace hearth::cloudwatch
