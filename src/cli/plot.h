// A series of numbers drawn with characters: what `hearth metrics` and the demo show in a terminal. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace hearth::cli {

struct PlotPoint {
  double x = 0, y = 0;
};

struct PlotSize {
  std::size_t width = 64, height = 10;
};

// Lines without line ends: an axis of values on the left, the curve as braille dots (two by four in a character), and
// a bottom axis with the given words at its ends. Points may come in any order; those that are not finite are left
// out. Empty without points.
std::vector<std::string> draw_plot(const std::vector<PlotPoint>& points, PlotSize size, const std::string& left_label,
                                   const std::string& right_label);

}  // namespace hearth::cli
