#include "services/cloudwatch/metric_math.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace hearth::cloudwatch::math {
namespace {

TimeSeries series(std::initializer_list<std::pair<int, double>> minutes_and_values) {
  TimeSeries made;
  for (const auto& [minute, value] : minutes_and_values) made.points.push_back({minute * 60'000, value});
  return made;
}

// m1 is 1 2 3 at minutes 0 1 2; m2 is 10 30 at minutes 0 2; the window is four minutes.
class MetricMath : public testing::Test {
 protected:
  MetricMath() {
    environment.window = {0, 240'000};
    environment.metrics = {{"m1", series({{0, 1}, {1, 2}, {2, 3}})}, {"m2", series({{0, 10}, {2, 30}})}};
    for (const auto& [id, one] : environment.metrics) environment.values.emplace(id, one);
  }

  static std::string show(const TimeSeries& one) {
    std::string text;
    for (const Point& point : one.points) text += fmt::format("{}:{:g} ", point.time_ms / 60'000, point.value);
    return text;
  }
  std::string run(std::string_view text) {
    const auto expression = Expression::parse(text);
    if (!expression) return "parse: " + expression.error().message();
    const auto value = evaluate(*expression, environment);
    if (!value) return "error: " + value.error().message();
    if (const auto* number = std::get_if<double>(&*value)) return fmt::format("{:g}", *number);
    if (const auto* one = std::get_if<TimeSeries>(&*value)) return show(*one);
    std::string all;
    for (const TimeSeries& one : std::get<SeriesList>(*value)) all += "[" + show(one) + "]";
    return all;
  }

  Environment environment;
};

TEST_F(MetricMath, OperatorsHaveTheirUsualStrength) {
  EXPECT_EQ(run("1 + 2 * 3 ^ 2 - 4 / 2"), "17");
  EXPECT_EQ(run("(1 + 2) * 3"), "9");
  EXPECT_EQ(run("2 ^ 3 ^ 2"), "512");
  EXPECT_EQ(run("-2 ^ 2"), "-4");
  EXPECT_EQ(run("2 ^ -1"), "0.5");
  EXPECT_EQ(run("1 - 2 - 3"), "-4");
  EXPECT_EQ(run("1 < 2 && 3 >= 4 || 5 != 5"), "0");
  EXPECT_EQ(run("1 < 2 AND 2 <= 2 OR 0"), "1");
  EXPECT_EQ(run("1.5e3"), "1500");
}

TEST_F(MetricMath, SeriesMeetWhereBothHavePoints) {
  EXPECT_EQ(run("m1 + m2"), "0:11 2:33 ");
  EXPECT_EQ(run("100 * m1 / 2"), "0:50 1:100 2:150 ");
  EXPECT_EQ(run("-m1"), "0:-1 1:-2 2:-3 ");
  EXPECT_EQ(run("m1 >= 2"), "0:0 1:1 2:1 ");
  EXPECT_EQ(run("m1 / (m1 - 2)"), "0:-1 2:3 ") << "dividing by zero leaves no point";
}

TEST_F(MetricMath, AggregatesGiveANumberOfOneSeriesAndASeriesOfMany) {
  EXPECT_EQ(run("SUM(m1)"), "6");
  EXPECT_EQ(run("AVG(m2)"), "20");
  EXPECT_EQ(run("MAX(METRICS())"), "0:10 1:2 2:30 ");
  EXPECT_EQ(run("MIN(METRICS(\"2\"))"), "0:10 2:30 ");
  EXPECT_EQ(run("SUM(METRICS())"), "0:11 1:2 2:33 ");
  EXPECT_EQ(run("STDDEV(m2)"), "10");
  EXPECT_EQ(run("m1 - AVG(m1)"), "0:-1 1:0 2:1 ");
}

TEST_F(MetricMath, AnArrayIsSeveralSeries) {
  EXPECT_EQ(run("SUM([m1, m2])"), "0:11 1:2 2:33 ");
  EXPECT_EQ(run("MAX([m1, 2])"), "0:2 1:2 2:3 ");
  EXPECT_EQ(run("[m1, m2] * 2"), "[0:2 1:4 2:6 ][0:20 2:60 ]");
  EXPECT_EQ(run("SUM([METRICS(), m1])"), "0:12 1:4 2:36 ");
  EXPECT_EQ(run("SUM([1, 2])"), "error: an array holds at least one time series");
  EXPECT_EQ(run("SUM([m1, m2)"), "parse: ']' is missing at position 12");
}

TEST_F(MetricMath, FillCompletesAGrid) {
  EXPECT_EQ(run("FILL(m2, 0)"), "0:10 1:0 2:30 3:0 ");
  EXPECT_EQ(run("FILL(m2, REPEAT)"), "0:10 1:10 2:30 3:30 ");
  EXPECT_EQ(run("FILL(m2, LINEAR)"), "0:10 1:20 2:30 ");
  EXPECT_EQ(run("m1 + FILL(m2, 0)"), "0:11 1:2 2:33 ");
}

TEST_F(MetricMath, FunctionsOfOneSeries) {
  EXPECT_EQ(run("RATE(m2)"), fmt::format("2:{:g} ", 20.0 / 120));
  EXPECT_EQ(run("DIFF(m1)"), "1:1 2:1 ");
  EXPECT_EQ(run("PERIOD(m1)"), "60");
  EXPECT_EQ(run("m1 / PERIOD(m1) * 60"), "0:1 1:2 2:3 ");
  EXPECT_EQ(run("RUNNING_SUM(m1)"), "0:1 1:3 2:6 ");
  EXPECT_EQ(run("ABS(-m1)"), "0:1 1:2 2:3 ");
  EXPECT_EQ(run("CEIL(m1 / 2)"), "0:1 1:1 2:2 ");
  EXPECT_EQ(run("FLOOR(m1 / 2)"), "0:0 1:1 2:1 ");
}

TEST_F(MetricMath, ListsAreSortedCutAndCleared) {
  environment.metrics.emplace("m3", series({}));
  EXPECT_EQ(run("SORT(METRICS(), AVG, DESC)"), "[0:10 2:30 ][0:1 1:2 2:3 ]");
  EXPECT_EQ(run("SORT(METRICS(), MAX, ASC, 1)"), "[0:1 1:2 2:3 ]");
  EXPECT_EQ(run("SLICE(SORT(METRICS(), SUM, DESC), 0)"), "0:10 2:30 ");
  EXPECT_EQ(run("SLICE(METRICS(), 1, 3)"), "[0:10 2:30 ][]");
  EXPECT_EQ(run("SLICE(METRICS(), 9)"), "");
  EXPECT_EQ(run("REMOVE_EMPTY(METRICS())"), "[0:1 1:2 2:3 ][0:10 2:30 ]");
  for (const char* wrong : {"SORT(METRICS(), AVG)", "SORT(m1, AVG, DESC)", "SORT(METRICS(), MEDIAN, DESC)",
                            "SLICE(METRICS(), -1)", "SLICE(METRICS(), 0.5)"})
    EXPECT_EQ(run(wrong).substr(0, 6), "error:") << wrong;
}

TEST_F(MetricMath, PeriodsKnowTheClock) {
  const std::int64_t at_ms = 1'772'335'980'000;  // Sunday, 2026-03-01T03:33:00Z
  environment.values.insert_or_assign("m1", TimeSeries{.points = {{at_ms, 5}}});
  const auto value_of = [&](std::string_view text) {
    return std::get<TimeSeries>(evaluate(*Expression::parse(text), environment).value()).points.at(0).value;
  };
  EXPECT_EQ(value_of("EPOCH(m1)"), at_ms / 1000);
  EXPECT_EQ(value_of("MINUTE(m1)"), 33);
  EXPECT_EQ(value_of("HOUR(m1)"), 3);
  EXPECT_EQ(value_of("DAY(m1)"), 7);
  EXPECT_EQ(value_of("DATE(m1)"), 1);
  EXPECT_EQ(value_of("MONTH(m1)"), 3);
  EXPECT_EQ(value_of("YEAR(m1)"), 2026);
  EXPECT_EQ(value_of("IF(DAY(m1) >= 6, 0, m1)"), 0);
}

TEST_F(MetricMath, CenturiesOfPeriodsAreNotFilled) {
  environment.window.end_ms = 100ll * 365 * 86'400'000;
  for (const char* large : {"FILL(m1, 0)", "FILL(m1, REPEAT)", "TIME_SERIES(1)"})
    EXPECT_EQ(run(large), "error: the time range has more than 500000 periods to fill") << large;
}

TEST_F(MetricMath, IfChoosesPointByPoint) {
  EXPECT_EQ(run("IF(m1 > 1, m1, 0)"), "0:0 1:2 2:3 ");
  EXPECT_EQ(run("IF(m1 > 1, m1)"), "1:2 2:3 ");
  EXPECT_EQ(run("IF(1, m1, m2)"), "0:1 1:2 2:3 ");
  EXPECT_EQ(run("IF(m1 > 1, m2, m1)"), "0:1 2:30 ");
}

TEST_F(MetricMath, MistakesSayWhereTheyAre) {
  EXPECT_EQ(run("m1 +"), "parse: the expression ends too early at position 5");
  EXPECT_EQ(run("(m1"), "parse: ')' is missing at position 4");
  EXPECT_EQ(run("m1 $ 2"), "parse: unexpected '$' at position 4");
  EXPECT_EQ(run("m9 + 1"), "error: 'm9' is not defined");
  EXPECT_EQ(run("NOPE(m1)"), "error: there is no function NOPE");
  EXPECT_EQ(run("SEARCH('x', 'Average', 300)"), "parse: The function SEARCH is not served here");
  EXPECT_TRUE(run(std::string(2000, '(')).starts_with("parse: "));
  EXPECT_TRUE(run(std::string(2000, '-')).starts_with("parse: "));
}

}  // namespace
}  // namespace hearth::cloudwatch::math
