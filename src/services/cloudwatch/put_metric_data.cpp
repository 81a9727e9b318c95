#include <fmt/format.h>

#include <cmath>

#include "api/cloudwatch/errors.h"
#include "services/cloudwatch/cloudwatch_service.h"
#include "services/cloudwatch/metric_id.h"

namespace hearth::cloudwatch {
namespace {

namespace errors = hearth::api::cloudwatch::errors;

constexpr std::size_t datum_count_max = 1000;
constexpr std::size_t value_count_max = 150;
constexpr std::chrono::hours age_max(14 * 24);
constexpr std::chrono::hours ahead_max(2);

std::string member(std::size_t index, std::string_view name) {
  return fmt::format("MetricData.member.{}.{}", index + 1, name);
}

// AWS: numbers beyond 2^360 and those that are none are refused.
Result<void> check_number(double number, std::size_t index, std::string_view name) {
  if (std::isfinite(number) && std::fabs(number) <= std::ldexp(1.0, 360)) return ok;
  return errors::invalid_parameter_value(
      fmt::format("The value {} for parameter {} is invalid.", number, member(index, name)));
}

Result<void> check_time(TimePoint time, TimePoint now, std::size_t index) {
  if (time < now - age_max)
    return errors::invalid_parameter_value(
        fmt::format("The parameter {} must specify a time within the past two weeks.", member(index, "Timestamp")));
  if (time > now + ahead_max)
    return errors::invalid_parameter_value(fmt::format(
        "The parameter {} must specify a time no more than two hours in the future.", member(index, "Timestamp")));
  return ok;
}

// The values of one datum: Value, Values with Counts, or StatisticValues.
Result<std::vector<Sample>> read_values(const api::MetricDatum& datum, std::size_t index, std::int64_t time_ms) {
  const int form_count = datum.value.has + datum.statistic_values.has + (datum.values.has && !datum.values->empty());
  if (form_count == 0)
    return errors::missing_parameter(fmt::format("At least one of the parameters {}, {} or {} must be specified.",
                                                 member(index, "Value"), member(index, "Values"),
                                                 member(index, "StatisticValues")));
  if (form_count > 1)
    return errors::invalid_parameter_combination(
        fmt::format("The parameters {}, {} and {} are mutually exclusive and you have specified more than one.",
                    member(index, "Value"), member(index, "Values"), member(index, "StatisticValues")));

  if (datum.value) {
    TRY_DO(check_number(*datum.value, index, "Value"));
    return std::vector<Sample>{{time_ms, *datum.value, *datum.value, *datum.value, 1}};
  }
  if (datum.statistic_values) {
    const api::StatisticSet& set = *datum.statistic_values;
    for (const double number : {set.sample_count, set.sum, set.minimum, set.maximum})
      TRY_DO(check_number(number, index, "StatisticValues"));
    if (set.sample_count <= 0)
      return errors::invalid_parameter_value(
          fmt::format("The parameter {} must be greater than 0.", member(index, "StatisticValues.SampleCount")));
    if (set.maximum < set.minimum)
      return errors::invalid_parameter_value(fmt::format("The parameter {} must be greater than or equal to {}.",
                                                         member(index, "StatisticValues.Maximum"),
                                                         member(index, "StatisticValues.Minimum")));
    return std::vector<Sample>{{time_ms, set.sum, set.minimum, set.maximum, set.sample_count}};
  }

  const std::vector<double>& values = *datum.values;
  if (values.size() > value_count_max)
    return errors::invalid_parameter_value(
        fmt::format("The parameter {} must hold at most {} values.", member(index, "Values"), value_count_max));
  if (datum.counts && datum.counts->size() != values.size())
    return errors::invalid_parameter_value(fmt::format("The parameters {} and {} must be of the same size.",
                                                       member(index, "Values"), member(index, "Counts")));
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double count = datum.counts ? (*datum.counts)[i] : 1;
    TRY_DO(check_number(values[i], index, "Values"));
    TRY_DO(check_number(count, index, "Counts"));
    if (count < 0)
      return errors::invalid_parameter_value(
          fmt::format("The parameter {} must not be negative.", member(index, "Counts")));
    if (count > 0) samples.push_back({time_ms, values[i] * count, values[i], values[i], count});
  }
  return samples;
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
Async<wire::Unit> CloudWatchService::put_metric_data(const RequestContext& ctx, const api::PutMetricDataInput& in) {
  if (in.namespace_.starts_with("AWS/"))
    co_return errors::invalid_parameter_value("The value AWS/ for parameter Namespace is invalid.");

  std::vector<const api::MetricDatum*> data;
  for (const api::MetricDatum& datum : in.metric_data.v) data.push_back(&datum);
  for (const api::EntityMetricData& of_entity : in.entity_metric_data.v)
    for (const api::MetricDatum& datum : of_entity.metric_data.v) data.push_back(&datum);
  if (data.empty()) co_return errors::missing_parameter("The parameter MetricData is required.");
  if (data.size() > datum_count_max)
    co_return errors::invalid_parameter_value("The collection MetricData must not have a size greater than 1000.");

  const TimePoint now = clock_.now();
  std::vector<SeriesSample> samples;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const api::MetricDatum& datum = *data[i];
    const TimePoint time = datum.timestamp ? datum.timestamp->time() : now;
    CO_TRY_DO(check_time(time, now, i));
    if (datum.storage_resolution && *datum.storage_resolution != 1 && *datum.storage_resolution != 60)
      co_return errors::invalid_parameter_value(
          fmt::format("The parameter {} must be 1 or 60.", member(i, "StorageResolution")));
    CO_TRY(const auto values, read_values(datum, i, to_ms(time)));
    const MetricId metric =
        make_metric_id(ctx.account_id, ctx.region, in.namespace_, datum.metric_name, to_pairs(datum.dimensions));
    const std::string series = series_name(metric, datum.unit.value_or(std::string(api::StandardUnit::None)));
    for (const Sample& sample : values) samples.push_back({series, sample});
  }
  CO_TRY_DO(co_await telemetry_.append_samples(std::move(samples)));
  co_return wire::Unit();
}

}  // namespace hearth::cloudwatch
