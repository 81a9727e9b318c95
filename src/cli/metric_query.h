// One CloudWatch metric's values over a time, by GetMetricData. For `hearth metrics`, `hearth ps` and the demo.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/client.h"

namespace hearth::cli {

using Dimensions = std::vector<std::pair<std::string, std::string>>;

struct MetricQuery {
  std::string metric_namespace, name;
  Dimensions dimensions;
  std::string stat = "Average";
  int period_s = 60;
  TimePoint start, end;
};

struct MetricPoint {
  TimePoint time;
  double value = 0;
};

// Oldest first.
Result<std::vector<MetricPoint>> query_metric(const Client& client, const MetricQuery& query);

struct MetricName {
  std::string metric_namespace, name;
  Dimensions dimensions;
};
// Empty arguments match everything; dimensions must all be there.
Result<std::vector<MetricName>> list_metrics(const Client& client, const std::string& metric_namespace,
                                             const std::string& name, const Dimensions& dimensions);

// "InstanceId=i-1,Job=base"
std::string show_dimensions(const Dimensions& dimensions);

}  // namespace hearth::cli
