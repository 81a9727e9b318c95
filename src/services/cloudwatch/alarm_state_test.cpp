#include "services/cloudwatch/alarm_state.h"

#include <gtest/gtest.h>

namespace hearth::cloudwatch {
namespace {

// AWS's notation: X breaches, 0 does not, - is missing; oldest first.
std::string state_of(std::string_view picture, int datapoints_to_alarm, MissingData missing_data) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < picture.size(); ++i)
    if (picture[i] != '-') points.push_back({static_cast<std::int64_t>(i) * 60'000, picture[i] == 'X' ? 10.0 : 0.0});
  const AlarmRule rule{.evaluation_periods = 3,
                       .datapoints_to_alarm = datapoints_to_alarm,
                       .threshold = 5,
                       .missing_data = missing_data};
  switch (judge(rule, points).verdict) {
    case Verdict::ok:
      return "OK";
    case Verdict::alarm:
      return "ALARM";
    case Verdict::insufficient_data:
      return "INSUFFICIENT_DATA";
    case Verdict::keep_state:
      return "keep";
  }
  return "";
}
std::string states_of(std::string_view picture, int datapoints_to_alarm) {
  std::string all;
  for (const auto missing_data :
       {MissingData::missing, MissingData::ignore, MissingData::breaching, MissingData::not_breaching})
    all += state_of(picture, datapoints_to_alarm, missing_data) + " ";
  return all;
}

// The table of the documentation for three out of three.
TEST(AlarmState, ThreeOutOfThreeFollowsAwsTable) {
  EXPECT_EQ(states_of("0-X-X", 3), "OK OK OK OK ");
  EXPECT_EQ(states_of("----0", 3), "OK OK OK OK ");
  EXPECT_EQ(states_of("-----", 3), "INSUFFICIENT_DATA keep ALARM OK ");
  EXPECT_EQ(states_of("0XX-X", 3), "ALARM ALARM ALARM ALARM ");
  EXPECT_EQ(states_of("--X--", 3), "ALARM keep ALARM OK ");
}

// The table of the documentation for two out of three.
TEST(AlarmState, TwoOutOfThreeFollowsAwsTable) {
  EXPECT_EQ(states_of("0-X-X", 2), "ALARM ALARM ALARM ALARM ");
  EXPECT_EQ(states_of("00X0X", 2), "ALARM ALARM ALARM ALARM ");
  EXPECT_EQ(states_of("0-X--", 2), "OK OK ALARM OK ");
  EXPECT_EQ(states_of("----0", 2), "OK OK ALARM OK ");
  EXPECT_EQ(states_of("---X-", 2), "ALARM keep ALARM OK ");
}

TEST(AlarmState, ComparisonsKnowTheirEdges) {
  AlarmRule rule{.threshold = 5};
  const auto breached = [&](ThresholdComparison comparison, double value) {
    rule.comparison = comparison;
    return rule.is_breached_by(value);
  };
  EXPECT_TRUE(breached(ThresholdComparison::greater_or_equal, 5));
  EXPECT_FALSE(breached(ThresholdComparison::greater, 5));
  EXPECT_TRUE(breached(ThresholdComparison::less_or_equal, 5));
  EXPECT_FALSE(breached(ThresholdComparison::less, 5));
}

}  // namespace
}  // namespace hearth::cloudwatch
