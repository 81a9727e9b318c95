#include "services/cloudwatch/alarm_state.h"

#include <algorithm>

namespace hearth::cloudwatch {

std::optional<MissingData> parse_missing_data(std::string_view text) {
  if (text == "missing") return MissingData::missing;
  if (text == "ignore") return MissingData::ignore;
  if (text == "breaching") return MissingData::breaching;
  if (text == "notBreaching") return MissingData::not_breaching;
  return std::nullopt;
}

std::optional<ThresholdComparison> parse_comparison(std::string_view text) {
  if (text == "GreaterThanOrEqualToThreshold") return ThresholdComparison::greater_or_equal;
  if (text == "GreaterThanThreshold") return ThresholdComparison::greater;
  if (text == "LessThanThreshold") return ThresholdComparison::less;
  if (text == "LessThanOrEqualToThreshold") return ThresholdComparison::less_or_equal;
  return std::nullopt;
}

std::string_view describe(ThresholdComparison comparison) {
  switch (comparison) {
    case ThresholdComparison::greater_or_equal:
      return "greater than or equal to the threshold";
    case ThresholdComparison::greater:
      return "greater than the threshold";
    case ThresholdComparison::less:
      return "less than the threshold";
    case ThresholdComparison::less_or_equal:
      return "less than or equal to the threshold";
  }
  return "";
}

bool AlarmRule::is_breached_by(double value) const {
  switch (comparison) {
    case ThresholdComparison::greater_or_equal:
      return value >= threshold;
    case ThresholdComparison::greater:
      return value > threshold;
    case ThresholdComparison::less:
      return value < threshold;
    case ThresholdComparison::less_or_equal:
      return value <= threshold;
  }
  return false;
}

Judgement judge(const AlarmRule& rule, std::vector<Point> points) {
  const auto wanted = static_cast<std::size_t>(rule.evaluation_periods);
  if (points.size() > wanted) points.erase(points.begin(), points.end() - static_cast<std::ptrdiff_t>(wanted));

  Judgement result;
  result.breaching_count = static_cast<int>(
      std::ranges::count_if(points, [&](const Point& point) { return rule.is_breached_by(point.value); }));
  result.missing_count = static_cast<int>(wanted - points.size());
  const int real_count = static_cast<int>(points.size());
  const bool all_real_breach = result.breaching_count == real_count;
  result.datapoints = std::move(points);

  const auto alarm_if = [](bool condition) { return condition ? Verdict::alarm : Verdict::ok; };
  if (result.missing_count == 0 || result.breaching_count >= rule.datapoints_to_alarm) {
    result.verdict = alarm_if(result.breaching_count >= rule.datapoints_to_alarm);
    return result;
  }
  // The rows of AWS's two tables of examples follow from these four.
  switch (rule.missing_data) {
    case MissingData::missing:
      result.verdict = real_count == 0 ? Verdict::insufficient_data : alarm_if(all_real_breach);
      break;
    case MissingData::ignore:
      result.verdict = all_real_breach ? Verdict::keep_state : Verdict::ok;
      break;
    case MissingData::breaching:
      result.verdict = alarm_if(result.breaching_count + result.missing_count >= rule.datapoints_to_alarm);
      break;
    case MissingData::not_breaching:
      result.verdict = Verdict::ok;
      break;
  }
  return result;
}

}  // namespace hearth::cloudwatch
