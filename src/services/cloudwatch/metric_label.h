// Labels of time series with dynamic parts: "loss of ${PROP('Dim.Job')}: ${LAST}". Pure.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "services/cloudwatch/time_series.h"

namespace hearth::cloudwatch {

struct LabelProperties {
  std::string own_label;                          // ${LABEL}
  std::map<std::string, std::string> properties;  // ${PROP('MetricName')}; of a metric, none of an expression
};

// ErrorKind::unsupported for the dynamic parts of AWS that are not served (times and ranges of time), invalid for what
// is none and for more than six of them.
Result<void> check_label(std::string_view label);

// "--" stands where there is no value. `label` has passed check_label().
std::string render_label(std::string_view label, const TimeSeries& series, const LabelProperties& properties);

}  // namespace hearth::cloudwatch
