#include "cli/plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hearth::cli {
namespace {

TEST(Plot, AFallingLineStartsHighOnTheLeftAndEndsLowOnTheRight) {
  const auto lines = draw_plot({{0, 10}, {1, 0}}, {.width = 4, .height = 2}, "0", "1");
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_NE(lines[0].find("10 ┤⠑⢄"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("0 ┤  ⠑⢄"), std::string::npos) << lines[1];
  EXPECT_NE(lines[2].find("└────"), std::string::npos);
}

TEST(Plot, NothingToDrawGivesNothing) {
  EXPECT_TRUE(draw_plot({}, {}, "", "").empty());
  EXPECT_TRUE(draw_plot({{0, std::nan("")}}, {}, "", "").empty());
}

TEST(Plot, OnePointAndEqualValuesAreDrawn) {
  EXPECT_FALSE(draw_plot({{5, 5}}, {}, "", "").empty());
  EXPECT_FALSE(draw_plot({{1, 3}, {2, 3}, {3, 3}}, {}, "", "").empty());
}

TEST(Plot, OrderDoesNotMatterAndInfinitiesAreLeftOut) {
  const auto expected = draw_plot({{0, 1}, {1, 2}, {2, 0}}, {}, "a", "b");
  EXPECT_EQ(draw_plot({{2, 0}, {0, 1}, {9, std::numeric_limits<double>::infinity()}, {1, 2}}, {}, "a", "b"), expected);
}

}  // namespace
}  // namespace hearth::cli
