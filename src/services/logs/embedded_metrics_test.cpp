#include "services/logs/embedded_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth::logs {
namespace {

using testing::ElementsAre;

constexpr std::int64_t now_ms = 1'790'000'000'000;

std::vector<MetricPoint> points_of(std::string line) {
  // "NOW" stands for a time that is taken.
  for (std::size_t at; (at = line.find("NOW")) != std::string::npos;)
    line.replace(at, 3, std::to_string(now_ms - 1000));
  std::vector<MetricPoint> points;
  add_embedded_metrics(line, now_ms, points);
  return points;
}
std::vector<std::string> shown(const std::string& line) {
  std::vector<std::string> texts;
  for (const MetricPoint& point : points_of(line)) {
    std::string text = point.metric_namespace + "/" + point.name;
    for (const auto& [name, value] : point.dimensions) text += " " + name + "=" + value;
    texts.push_back(text + " " + std::to_string(static_cast<int>(point.value)) + " " + point.unit);
  }
  return texts;
}

TEST(EmbeddedMetrics, DirectivesSetsAndListsOfValues) {
  EXPECT_THAT(
      shown(R"({"_aws":{"Timestamp":NOW,"CloudWatchMetrics":[
      {"Namespace":"Train","Dimensions":[["Job"],["Job","Gpu"],[]],"Metrics":[{"Name":"Loss","Unit":"None"}]},
      {"Namespace":"Host","Dimensions":[["Gpu"]],"Metrics":[{"Name":"Heat","Unit":"Count","StorageResolution":1}]}]},
      "Job":"j","Gpu":"0","Loss":[3,1],"Heat":70})"),
      ElementsAre("Train/Loss 3 None", "Train/Loss Gpu=0 Job=j 3 None", "Train/Loss Job=j 3 None", "Train/Loss 1 None",
                  "Train/Loss Gpu=0 Job=j 1 None", "Train/Loss Job=j 1 None", "Host/Heat Gpu=0 70 Count"));
}

TEST(EmbeddedMetrics, TheSameSetTwiceCountsOnce) {
  EXPECT_THAT(
      shown(R"({"_aws":{"Timestamp":NOW,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["A","B"],["B","A"]],
      "Metrics":[{"Name":"m"}]}]},"A":"1","B":"2","m":1})"),
      ElementsAre("N/m A=1 B=2 1 None"));
}

TEST(EmbeddedMetrics, WhatIsNotEmfIsAPlainLine) {
  const auto with = [](std::string directive, std::string members, std::string time = "NOW") {
    return R"({"_aws":{"Timestamp":)" + time + R"(,"CloudWatchMetrics":[)" + directive + "]}," + members + "}";
  };
  const std::string good = R"({"Namespace":"N","Dimensions":[["D"]],"Metrics":[{"Name":"m"}]})";
  EXPECT_EQ(points_of(with(good, R"("D":"d","m":1)")).size(), 1u);
  EXPECT_TRUE(points_of("plain").empty());
  EXPECT_TRUE(points_of(R"({"_aws": )").empty());
  EXPECT_TRUE(points_of(R"(["_aws"])").empty());
  EXPECT_TRUE(points_of(R"({"_aws":{"CloudWatchMetrics":[]}})").empty());
  EXPECT_TRUE(points_of(with(good, R"("m":1)")).empty());                           // no such member
  EXPECT_TRUE(points_of(with(good, R"("D":7,"m":1)")).empty());                     // a dimension is a text
  EXPECT_TRUE(points_of(with(good, R"("D":"d")")).empty());                         // no value
  EXPECT_TRUE(points_of(with(good, R"("D":"d","m":"1")")).empty());                 // a value is a number
  EXPECT_TRUE(points_of(with(good, R"("D":"d","m":1)", "1000")).empty());           // long ago
  EXPECT_TRUE(points_of(with(good, R"("D":"d","m":1)", "9999999999999")).empty());  // not yet
  EXPECT_TRUE(
      points_of(with(R"({"Namespace":"AWS/EC2","Dimensions":[["D"]],"Metrics":[{"Name":"m"}]})", R"("D":"d","m":1)"))
          .empty());
  EXPECT_TRUE(points_of(with(R"({"Namespace":"N","Dimensions":[["D"]],"Metrics":[{"Name":"m","Unit":"Furlongs"}]})",
                             R"("D":"d","m":1)"))
                  .empty());
}

TEST(EmbeddedMetrics, AShortLineDoesNotBecomeMillions) {
  std::string sets, metrics, values, members;
  for (int i = 0; i < 300; ++i) {
    sets += (i ? "," : "") + std::string(R"(["d)") + std::to_string(i) + R"("])";
    members += R"("d)" + std::to_string(i) + R"(":"x",)";
  }
  for (int i = 0; i < 100; ++i) {
    metrics += (i ? "," : "") + std::string(R"({"Name":"m"})");
    values += i ? ",1" : "1";
  }
  const std::string line = R"({"_aws":{"Timestamp":NOW,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[)" + sets +
                           R"(],"Metrics":[)" + metrics + "]}]}," + members + R"("m":[)" + values + "]}";
  EXPECT_TRUE(points_of(line).empty());
}

}  // namespace
}  // namespace hearth::logs
