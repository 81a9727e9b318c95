// From data points to a state. Pure.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/cloudwatch/time_series.h"

namespace hearth::cloudwatch {

enum class MissingData { missing, ignore, breaching, not_breaching };
std::optional<MissingData> parse_missing_data(std::string_view text);

// The four comparisons with a fixed threshold; those with anomaly bands are not served.
enum class ThresholdComparison { greater_or_equal, greater, less, less_or_equal };
std::optional<ThresholdComparison> parse_comparison(std::string_view text);
// "greater than the threshold"
std::string_view describe(ThresholdComparison comparison);

struct AlarmRule {
  int evaluation_periods = 1;   // N
  int datapoints_to_alarm = 1;  // M
  double threshold = 0;
  ThresholdComparison comparison = ThresholdComparison::greater;
  MissingData missing_data = MissingData::missing;

  bool is_breached_by(double value) const;
};

enum class Verdict { ok, alarm, insufficient_data, keep_state };

struct Judgement {
  Verdict verdict = Verdict::keep_state;
  std::vector<Point> datapoints;  // that it rests on, oldest first; at most N
  int breaching_count = 0;        // of them
  int missing_count = 0;          // periods that had to be filled
};

// A few periods more than N are looked at, so that real points stand in for missing ones.
inline int evaluation_range_periods(const AlarmRule& rule) {
  return rule.evaluation_periods + 2;
}

// `points` lie in the evaluation range, oldest first.
Judgement judge(const AlarmRule& rule, std::vector<Point> points);

}  // namespace hearth::cloudwatch
