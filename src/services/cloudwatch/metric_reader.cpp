#include "services/cloudwatch/metric_reader.h"

#include <algorithm>

namespace hearth::cloudwatch {

std::vector<Bucket> split_into_periods(const std::vector<Sample>& samples, Window window, int period_seconds) {
  std::vector<Bucket> buckets;
  for (const Sample& sample : samples) {
    const std::int64_t time_ms = window.period_start(sample.timestamp_ms, period_seconds);
    if (buckets.empty() || buckets.back().time_ms != time_ms) buckets.push_back({time_ms, {}});
    buckets.back().samples.push_back(sample);
  }
  return buckets;
}

Async<std::vector<UnitSamples>> MetricReader::samples(const MetricId& metric, const std::optional<std::string>& unit,
                                                      Window window) {
  constexpr std::size_t unit_count_max = 100;
  std::vector<std::string> names;
  if (unit) {
    names.push_back(series_name(metric, *unit));
  } else {
    const std::string prefix = series_prefix(metric);
    CO_TRY(names, co_await telemetry_.series(prefix, "", unit_count_max));
  }

  std::vector<UnitSamples> by_unit;
  const TimeSpan span{window.start_ms, window.end_ms};
  for (const std::string& name : names) {
    CO_TRY(auto samples, co_await telemetry_.samples(name, span));
    if (!samples.empty()) by_unit.push_back({parse_series(name).unit, std::move(samples)});
  }
  co_return by_unit;
}

Async<TimeSeries> MetricReader::series(const MetricId& metric, const std::optional<std::string>& unit,
                                       const Statistic& statistic, int period_seconds, Window window) {
  window = window.widened_to(period_seconds);
  CO_TRY(const auto by_unit, co_await samples(metric, unit, window));
  std::vector<Sample> all;
  for (const UnitSamples& one : by_unit) all.insert(all.end(), one.samples.begin(), one.samples.end());
  std::ranges::sort(all, {}, &Sample::timestamp_ms);

  TimeSeries series{.label = metric.name, .period_seconds = period_seconds};
  for (const Bucket& bucket : split_into_periods(all, window, period_seconds))
    if (const auto value = statistic.of(bucket.samples)) series.points.push_back({bucket.time_ms, *value});
  co_return series;
}

}  // namespace hearth::cloudwatch
