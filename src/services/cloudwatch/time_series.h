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

// [start, end), a whole number of periods unless the end cuts the last one.
struct Window {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
};

}  // namespace hearth::cloudwatch
