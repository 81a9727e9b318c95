#include "cli/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "cli/text.h"

namespace hearth::cli {
namespace {

constexpr std::size_t dots_across = 2, dots_down = 4;  // of one braille character

// The dots of a drawing, and the characters that show them.
class Canvas {
 public:
  explicit Canvas(PlotSize size) : size_(size), cells_(size.width * size.height) {}
  long width() const { return static_cast<long>(size_.width * dots_across); }
  long height() const { return static_cast<long>(size_.height * dots_down); }

  void set(long x, long y) {
    // https://www.unicode.org/charts/PDF/U2800.pdf: the bit of each dot, column by column.
    constexpr std::array<std::array<std::uint8_t, dots_down>, dots_across> bits = {
        {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}};
    const auto column = static_cast<std::size_t>(x), row = static_cast<std::size_t>(y);
    cells_[row / dots_down * size_.width + column / dots_across] |= bits[column % dots_across][row % dots_down];
  }

  void line(long x0, long y0, long x1, long y1) {
    const long steps = std::max({std::labs(x1 - x0), std::labs(y1 - y0), 1L});
    for (long i = 0; i <= steps; ++i) set(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps);
  }

  std::string row(std::size_t index) const {
    std::string text;
    for (std::size_t column = 0; column < size_.width; ++column) {
      const std::uint8_t dots = cells_[index * size_.width + column];
      if (dots == 0) {
        text += ' ';
        continue;
      }
      // U+2800 + dots in UTF-8.
      text += '\xe2';
      text += static_cast<char>(0xa0 | (dots >> 6));
      text += static_cast<char>(0x80 | (dots & 0x3f));
    }
    return text;
  }

 private:
  PlotSize size_;
  std::vector<std::uint8_t> cells_;
};

}  // namespace

std::vector<std::string> draw_plot(const std::vector<PlotPoint>& points, PlotSize size, const std::string& left_label,
                                   const std::string& right_label) {
  std::vector<PlotPoint> sorted;
  for (const PlotPoint& point : points)
    if (std::isfinite(point.x) && std::isfinite(point.y)) sorted.push_back(point);
  if (sorted.empty() || size.width < 2 || size.height < 2) return {};
  std::ranges::stable_sort(sorted, {}, &PlotPoint::x);

  const auto [low, high] = std::ranges::minmax(sorted, {}, &PlotPoint::y);
  const double y_low = low.y, y_span = high.y > low.y ? high.y - low.y : 1;
  const double x_low = sorted.front().x, x_span = sorted.back().x > x_low ? sorted.back().x - x_low : 1;

  Canvas canvas(size);
  const auto column_of = [&](double x) {
    return std::lround((x - x_low) / x_span * static_cast<double>(canvas.width() - 1));
  };
  const auto row_of = [&](double y) {
    return canvas.height() - 1 - std::lround((y - y_low) / y_span * static_cast<double>(canvas.height() - 1));
  };
  long before_x = column_of(sorted.front().x), before_y = row_of(sorted.front().y);
  for (const PlotPoint& point : sorted) {
    const long x = column_of(point.x), y = row_of(point.y);
    canvas.line(before_x, before_y, x, y);
    before_x = x;
    before_y = y;
  }

  std::vector<std::string> lines;
  for (std::size_t i = 0; i < size.height; ++i) {
    const double value =
        y_low + y_span * static_cast<double>(size.height - 1 - i) / static_cast<double>(size.height - 1);
    const bool labelled = i == 0 || i + 1 == size.height || i == size.height / 2;
    lines.push_back(fmt::format("{:>9} {}{}", labelled ? show_number(value) : "", labelled ? "┤" : "│", canvas.row(i)));
  }
  std::string axis = fmt::format("{:>9} └", "");
  for (std::size_t i = 0; i < size.width; ++i) axis += "─";
  lines.push_back(axis);
  const std::size_t labels = left_label.size() + right_label.size();
  lines.push_back(fmt::format("{:>10} {}{}{}", "", left_label,
                              std::string(size.width > labels ? size.width - labels : 1, ' '), right_label));
  return lines;
}

}  // namespace hearth::cli
