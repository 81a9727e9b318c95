// Embedded metric format: log lines that are metrics too. A line that is not valid EMF is a plain log line, never an
// error.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
#pragma once

#include <string_view>
#include <vector>

#include "ports/observability.h"

namespace hearth::logs {

// Adds the points the line holds: one per metric, value and dimension set.
void add_embedded_metrics(std::string_view line, std::vector<MetricPoint>& points);

}  // namespace hearth::logs
