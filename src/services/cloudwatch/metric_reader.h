// A metric as a time series, from the TelemetryStore. Safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ports/telemetry_store.h"
#include "services/cloudwatch/metric_id.h"
#include "services/cloudwatch/statistic.h"
#include "services/cloudwatch/time_series.h"

namespace hearth::cloudwatch {

// Samples of one metric in one unit.
struct UnitSamples {
  std::string unit;
  std::vector<Sample> samples;  // oldest first
};

// The samples of one period.
struct Bucket {
  std::int64_t time_ms = 0;
  std::vector<Sample> samples;
};

std::vector<Bucket> split_into_periods(const std::vector<Sample>& samples, Window window, int period_seconds);

class MetricReader {
 public:
  explicit MetricReader(TelemetryStore& telemetry) : telemetry_(telemetry) {}

  // One entry per unit the metric was reported in, or only `unit` if given. Units without samples are left out.
  Async<std::vector<UnitSamples>> samples(const MetricId& metric, const std::optional<std::string>& unit,
                                          Window window);

  // All units together, as one; from the beginning of the period that the window starts in.
  Async<TimeSeries> series(const MetricId& metric, const std::optional<std::string>& unit, const Statistic& statistic,
                           int period_seconds, Window window);

 private:
  TelemetryStore& telemetry_;
};

}  // namespace hearth::cloudwatch
