// Embedded metric format: log lines that are metrics too. A line that is not valid EMF is a plain log line, never an
// error.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ports/observability.h"

namespace hearth::logs {

// How many points one line may become: AWS's 100 metrics of 100 values. Dimension sets multiply them, so a short line
// could otherwise stand for millions.
inline constexpr std::size_t points_per_line_max = 10'000;

// Whether it is worth reading the line: most are no metrics, and that is seen without reading them as JSON.
inline bool may_hold_metrics(std::string_view line) {
  return line.find("\"_aws\"") != line.npos;
}

// Adds the points the line holds: one per metric, value and dimension set. What PutMetricData would refuse (a namespace
// of AWS's own, a time too long ago or ahead, a unit that is none) is no metric, and a line of too many points is a
// plain line.
void add_embedded_metrics(std::string_view line, std::int64_t now_ms, std::vector<MetricPoint>& points);

}  // namespace hearth::logs
