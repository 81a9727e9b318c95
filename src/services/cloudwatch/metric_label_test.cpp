#include "services/cloudwatch/metric_label.h"

#include <gtest/gtest.h>

namespace hearth::cloudwatch {
namespace {

std::string render(std::string_view label, std::vector<Point> points = {{0, 2.5}, {60'000, 10}, {120'000, 4}}) {
  const TimeSeries series{.points = std::move(points)};
  return render_label(label, series, {.own_label = "loss", .properties = {{"Dim.Job", "j1"}, {"Stat", "p90"}}});
}

TEST(MetricLabel, DynamicPartsAreFilledIn) {
  EXPECT_EQ(render("plain"), "plain");
  EXPECT_EQ(render("${LABEL} of ${PROP('Dim.Job')}, ${PROP('Stat')}"), "loss of j1, p90");
  EXPECT_EQ(render("[max: ${MAX}] ${MIN} ${AVG} ${SUM}"), "[max: 10] 2.5 5.5 16.5");
  EXPECT_EQ(render("${FIRST} ${LAST} ${FIRST_LAST_RANGE} ${MIN_MAX_RANGE} ${DATAPOINT_COUNT}"), "2.5 4 1.5 7.5 3");
  EXPECT_EQ(render("${MAX} ${DATAPOINT_COUNT}", {}), "-- 0");
  EXPECT_EQ(render("${AVG}", {{0, 1}, {1, 1}, {2, 0}}), "0.667");
  EXPECT_EQ(render("${PROP('Dim.Other')}"), "--");
}

TEST(MetricLabel, WhatIsNoDynamicPartIsRefused) {
  EXPECT_TRUE(check_label("costs $5 {each}"));
  EXPECT_TRUE(check_label("${LABEL} ${MAX}"));
  for (const char* wrong :
       {"${MAX", "${HIGHEST}", "${PROP(Stat)}", "${max}", "${MAX}${MAX}${MAX}${MAX}${MAX}${MAX}${MAX}"})
    EXPECT_EQ(check_label(wrong).error().kind(), ErrorKind::invalid) << wrong;
  EXPECT_EQ(check_label("${MAX_TIME}").error().kind(), ErrorKind::unsupported);
}

}  // namespace
}  // namespace hearth::cloudwatch
