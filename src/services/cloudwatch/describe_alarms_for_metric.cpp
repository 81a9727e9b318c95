#include <algorithm>

#include "ports/read_rows.h"
#include "services/cloudwatch/alarm_description.h"
#include "services/cloudwatch/cloudwatch_service.h"

namespace hearth::cloudwatch {
namespace {

std::vector<std::pair<std::string, std::string>> sorted_pairs(const std::vector<DimensionRow>& rows) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const DimensionRow& row : rows) pairs.emplace_back(row.name, row.value);
  std::ranges::sort(pairs);
  return pairs;
}

bool watches(const AlarmRow& alarm, const api::DescribeAlarmsForMetricInput& in) {
  if (!alarm.metrics.empty() || alarm.metric_name != in.metric_name || alarm.metric_namespace != in.namespace_)
    return false;
  if (in.statistic && alarm.statistic != *in.statistic) return false;
  if (in.extended_statistic && alarm.extended_statistic != *in.extended_statistic) return false;
  if (in.period && alarm.period_seconds != *in.period) return false;
  if (in.unit && alarm.unit != *in.unit) return false;
  // AWS: the dimensions must be exactly those of the alarm; none given means none.
  return sorted_pairs(alarm.dimensions) == sorted_pairs(to_dimension_rows(in.dimensions));
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmsForMetric.html
Async<api::DescribeAlarmsForMetricOutput> CloudWatchService::describe_alarms_for_metric(
    const RequestContext& ctx, const api::DescribeAlarmsForMetricInput& in) {
  CO_TRY(const auto alarms, co_await read_rows<AlarmRow>(store_, alarms_prefix(ctx.account_id, ctx.region)));
  api::DescribeAlarmsForMetricOutput out;
  out.metric_alarms.has = true;
  for (const AlarmRow& alarm : alarms)
    if (watches(alarm, in)) out.metric_alarms->push_back(describe_alarm(alarm));
  co_return out;
}

}  // namespace hearth::cloudwatch
