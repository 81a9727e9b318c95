// One value per period.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth::cloudwatch {

struct Point {
  std::int64_t time_ms = 0;  // start of its period
  double value = 0;
};

struct TimeSeries {
  std::string label;
  int period_seconds = 60;
  std::vector<Point> points;  // oldest first; periods without data are left out
};

// [start, end). Periods begin at `origin_ms` and at every multiple of their length before and after it: 0 puts them
// where the clock shows whole minutes and hours.
struct Window {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  std::int64_t origin_ms = 0;

  // When the period begins that `time_ms` lies in.
  std::int64_t period_start(std::int64_t time_ms, int period_seconds) const {
    const std::int64_t period_ms = std::int64_t{period_seconds} * 1000;
    const std::int64_t since = (time_ms - origin_ms) % period_ms;
    return time_ms - (since < 0 ? since + period_ms : since);
  }
  // With the whole of its first period.
  Window widened_to(int period_seconds) const { return {period_start(start_ms, period_seconds), end_ms, origin_ms}; }
};

}  // namespace hearth::cloudwatch
