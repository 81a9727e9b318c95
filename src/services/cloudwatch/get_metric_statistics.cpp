#include <fmt/format.h>

#include <algorithm>

#include "api/cloudwatch/errors.h"
#include "services/cloudwatch/cloudwatch_service.h"
#include "services/cloudwatch/metric_query.h"

namespace hearth::cloudwatch {
namespace {

namespace errors = hearth::api::cloudwatch::errors;

constexpr std::int64_t datapoint_count_max = 1440;

Result<std::vector<Statistic>> parse_statistics(const api::GetMetricStatisticsInput& in) {
  std::vector<Statistic> statistics;
  for (const std::string& name : in.statistics.v) {
    auto statistic = Statistic::parse(name);
    if (!statistic || statistic->is_percentile())
      return errors::invalid_parameter_value(fmt::format("The value {} for parameter Statistics is invalid.", name));
    statistics.push_back(*std::move(statistic));
  }
  for (const std::string& name : in.extended_statistics.v) {
    auto statistic = Statistic::parse(name);
    if (!statistic) return errors::invalid_parameter_value(statistic.error().message());
    if (!statistic->is_percentile())
      return errors::invalid_parameter_value(
          fmt::format("The value {} for parameter ExtendedStatistics is invalid.", name));
    statistics.push_back(*std::move(statistic));
  }
  if (statistics.empty())
    return errors::invalid_parameter_combination(
        "At least one of the parameters Statistics and ExtendedStatistics must be specified.");
  return statistics;
}

// AWS: the start is rounded down to a minute, or to the period if that is shorter; periods count from there.
Window align(const api::GetMetricStatisticsInput& in) {
  const std::int64_t grain_ms = std::min(in.period, 60) * std::int64_t{1000};
  const std::int64_t start_ms = in.start_time.ms / grain_ms * grain_ms;
  return {start_ms, in.end_time.ms, start_ms};
}

// False when there is no such value: a percentile over a statistic set.
bool set_statistic(api::Datapoint& datapoint, const Statistic& statistic, std::span<const Sample> samples) {
  const std::optional<double> value = statistic.of(samples);
  if (!value) return false;
  const std::string& name = statistic.name();
  if (name == api::Statistic::SampleCount) datapoint.sample_count = *value;
  if (name == api::Statistic::Sum) datapoint.sum = *value;
  if (name == api::Statistic::Average) datapoint.average = *value;
  if (name == api::Statistic::Minimum) datapoint.minimum = *value;
  if (name == api::Statistic::Maximum) datapoint.maximum = *value;
  if (!statistic.is_percentile()) return true;
  datapoint.extended_statistics.has = true;
  datapoint.extended_statistics.v[name] = *value;
  return true;
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
Async<api::GetMetricStatisticsOutput> CloudWatchService::get_metric_statistics(
    const RequestContext& ctx, const api::GetMetricStatisticsInput& in) {
  if (in.start_time == in.end_time)  // AWS: a code of its own
    co_return errors::invalid_parameter_value("The parameter StartTime must not equal parameter EndTime.");
  if (in.start_time > in.end_time)
    co_return errors::invalid_parameter_combination("The parameter StartTime must be less than the parameter EndTime.");
  if (!is_period(in.period))
    co_return errors::invalid_parameter_value("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.");
  CO_TRY(const auto statistics, parse_statistics(in));
  const Window window = align(in);
  const std::int64_t datapoint_count = (window.end_ms - window.start_ms) / (std::int64_t{in.period} * 1000);
  if (datapoint_count > datapoint_count_max)
    co_return errors::invalid_parameter_combination(fmt::format(
        "You have requested up to {} datapoints, which exceeds the limit of 1,440. You may reduce the datapoints "
        "requested by increasing Period, or decreasing the time range.",
        datapoint_count));

  const MetricId metric =
      make_metric_id(ctx.account_id, ctx.region, in.namespace_, in.metric_name, to_pairs(in.dimensions));
  const std::optional<std::string> unit = in.unit ? std::optional(*in.unit) : std::nullopt;
  CO_TRY(const auto by_unit, co_await reader_.samples(metric, unit, window));

  api::GetMetricStatisticsOutput out;
  out.label = in.metric_name;
  out.datapoints.has = true;
  for (const UnitSamples& one : by_unit) {
    for (const Bucket& bucket : split_into_periods(one.samples, window, in.period)) {
      api::Datapoint datapoint;
      datapoint.timestamp = wire::Timestamp(bucket.time_ms);
      datapoint.unit = one.unit;
      bool has_any = false;
      for (const Statistic& statistic : statistics)
        has_any = set_statistic(datapoint, statistic, bucket.samples) || has_any;
      if (has_any) out.datapoints->push_back(std::move(datapoint));
    }
  }
  co_return out;
}

}  // namespace hearth::cloudwatch
