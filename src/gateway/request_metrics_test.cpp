#include "gateway/request_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "gateway/request_metrics_report.h"

namespace hearth::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Dimensions = std::vector<std::pair<std::string, std::string>>;

class FakeMetricSink final : public MetricSink {
 public:
  std::vector<MetricPoint> points;
  std::string account_id, region;
  std::optional<Error> failure;

  Async<void> put_metrics(std::string_view account, std::string_view its_region,
                          std::vector<MetricPoint> added) override {
    if (failure) co_return *failure;
    account_id = account;
    region = its_region;
    for (MetricPoint& point : added) points.push_back(std::move(point));
    co_return ok;
  }

  // As CloudWatch's statistics Sum and SampleCount.
  double sum(std::string_view name, const Dimensions& dimensions) const {
    return total(name, dimensions, [](const MetricPoint& point) { return point.value * point.count; });
  }
  double count(std::string_view name, const Dimensions& dimensions) const {
    return total(name, dimensions, [](const MetricPoint& point) { return point.count; });
  }

 private:
  double total(std::string_view name, const Dimensions& dimensions, auto of_point) const {
    double all = 0;
    for (const MetricPoint& point : points)
      if (point.name == name && point.dimensions == dimensions) all += of_point(point);
    return all;
  }
};

const Dimensions get_object = {{"Service", "s3"}, {"Operation", "GetObject"}};
const Dimensions all_of_s3 = {{"Service", "s3"}};

class RequestMetricsReportTest : public testing::Test {
 protected:
  void record(int status, std::int64_t latency_us = 1'000) {
    metrics_.record("s3", "GetObject",
                    {.status = status, .latency_us = latency_us, .bytes_in = 10, .bytes_out = 4'096});
  }
  void report() { EXPECT_TRUE(sync_wait(report_.report())); }

  FakeClock clock_;
  FakeMetricSink sink_;
  RequestMetrics metrics_;
  RequestMetricsReport report_{metrics_, sink_, clock_, "000000000000", "us-east-1"};
};

TEST_F(RequestMetricsReportTest, CountsErrorsAndBytesBelongToTheRootAccount) {
  record(200);
  record(206);
  record(404);
  record(500);
  report();
  EXPECT_EQ(sink_.account_id, "000000000000");
  EXPECT_EQ(sink_.region, "us-east-1");
  EXPECT_EQ(sink_.sum("Requests", get_object), 4);
  EXPECT_EQ(sink_.sum("4xxErrors", get_object), 1);
  EXPECT_EQ(sink_.count("4xxErrors", get_object), 4) << "their average is the rate of errors";
  EXPECT_EQ(sink_.sum("5xxErrors", get_object), 1);
  EXPECT_EQ(sink_.sum("BytesIn", get_object), 40);
  EXPECT_EQ(sink_.sum("BytesOut", get_object), 4 * 4'096);
  for (const MetricPoint& point : sink_.points) {
    EXPECT_EQ(point.metric_namespace, "Hearth");
    EXPECT_EQ(point.timestamp_ms, to_ms(clock_.now()));
  }
}

TEST_F(RequestMetricsReportTest, LatenciesKeepTheirDistributionAndTheirExactSum) {
  for (int i = 0; i < 98; ++i) record(200, 1'000 + i);
  record(200, 70'000);
  record(200, 200'000'000);
  report();
  EXPECT_EQ(sink_.count("Latency", get_object), 100);
  EXPECT_NEAR(sink_.sum("Latency", get_object), (98'000 + 97 * 98 / 2 + 70'000 + 200'000'000) / 1000.0, 1e-6);
  std::vector<MetricPoint> latencies;
  for (const MetricPoint& point : sink_.points)
    if (point.name == "Latency" && point.dimensions == get_object) latencies.push_back(point);
  std::ranges::sort(latencies, {}, &MetricPoint::value);
  EXPECT_EQ(latencies.back().value, 200'000) << "milliseconds, slower than any bound";
  EXPECT_EQ(latencies[latencies.size() - 2].value, 70);
}

TEST_F(RequestMetricsReportTest, AServiceIsTheSumOfItsOperations) {
  record(200);
  metrics_.record("s3", "PutObject", {.status = 503, .latency_us = 3'000, .bytes_in = 100, .bytes_out = 0});
  metrics_.record("sts", "GetCallerIdentity", {});
  report();
  EXPECT_EQ(sink_.sum("Requests", all_of_s3), 2);
  EXPECT_EQ(sink_.sum("5xxErrors", all_of_s3), 1);
  EXPECT_EQ(sink_.sum("BytesIn", all_of_s3), 110);
  EXPECT_EQ(sink_.sum("Latency", all_of_s3), 4);
}

TEST_F(RequestMetricsReportTest, EachRequestIsReportedOnceAndSilenceIsNot) {
  record(200);
  report();
  report();
  EXPECT_EQ(sink_.sum("Requests", get_object), 1);
  record(200);
  report();
  EXPECT_EQ(sink_.sum("Requests", get_object), 2);
  sink_.points.clear();
  report();
  EXPECT_THAT(sink_.points, IsEmpty());
}

TEST_F(RequestMetricsReportTest, WhatCouldNotBeWrittenIsInTheNextReport) {
  record(200);
  sink_.failure = Error(ErrorKind::no_space, "the disk is full");
  EXPECT_FALSE(sync_wait(report_.report()));
  sink_.failure.reset();
  record(404);
  report();
  EXPECT_EQ(sink_.sum("Requests", get_object), 2);
  EXPECT_EQ(sink_.sum("4xxErrors", get_object), 1);
}

TEST_F(RequestMetricsReportTest, StoppingReportsWhatIsLeft) {
  report_.start(std::chrono::hours(1));
  report_.forget();
  record(200);
  report_.stop();
  EXPECT_EQ(sink_.sum("Requests", get_object), 1);
  report_.stop();
  EXPECT_EQ(sink_.sum("Requests", get_object), 1);
}

TEST_F(RequestMetricsReportTest, WhatIsForgottenIsNeverReported) {
  record(200);
  report_.forget();
  report();
  EXPECT_THAT(sink_.points, IsEmpty());
  record(200);
  report();
  EXPECT_EQ(sink_.sum("Requests", get_object), 1);
}

TEST(RequestMetrics, PrometheusSeesEveryRequestInItsHistogram) {
  RequestMetrics metrics;
  metrics.record("sts", "GetCallerIdentity", {.latency_us = 90});
  metrics.record("sts", "GetCallerIdentity", {.status = 403, .latency_us = 260});
  metrics.record("sts", "GetCallerIdentity", {.latency_us = 500'000'000});
  const std::string text = metrics.prometheus_text();
  const std::string labels = "service=\"sts\",operation=\"GetCallerIdentity\"";
  EXPECT_THAT(text, HasSubstr("hearth_requests_total{" + labels + "} 3\n"));
  EXPECT_THAT(text, HasSubstr("hearth_request_errors_total{" + labels + ",fault=\"client\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_request_seconds_bucket{" + labels + ",le=\"0.0001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_request_seconds_bucket{" + labels + ",le=\"0.00025\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_request_seconds_bucket{" + labels + ",le=\"0.0005\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("hearth_request_seconds_bucket{" + labels + ",le=\"+Inf\"} 3\n"));
}

TEST(RequestMetrics, LatencyBoundsRise) {
  EXPECT_TRUE(std::ranges::is_sorted(latency_bounds_us, std::less_equal()));
  EXPECT_EQ(latency_bounds_us.front(), 10);
  EXPECT_EQ(latency_bounds_us.back(), 75'000'000);
}

}  // namespace
}  // namespace hearth::gateway
