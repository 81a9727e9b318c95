#include "llm/train/reporter.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <limits>

namespace hearth::llm::train {
namespace {

TEST(EmbeddedMetrics, NameTheirMetricsInsideTheDirective) {
  const std::string line = embedded_metrics(
      "job", 7, 1000, {{"Loss", 2.5, "None"}, {"GradientNorm", std::numeric_limits<double>::infinity(), "None"}});
  EXPECT_EQ(boost::json::parse(line), boost::json::parse(R"({
      "_aws": {"Timestamp": 1000, "CloudWatchMetrics": [{"Namespace": "Hearth/Training", "Dimensions": [["JobName"]],
                                                         "Metrics": [{"Name": "Loss", "Unit": "None"}]}]},
      "JobName": "job", "Step": 7, "Loss": 2.5})"));
}

}  // namespace
}  // namespace hearth::llm::train
