#include "gateway/request_metrics_report.h"

#include <utility>

#include "base/log.h"

namespace hearth::gateway {
namespace {

using Dimensions = std::vector<std::pair<std::string, std::string>>;

// AWS: S3 reports errors in the same way, as 0 or 1 per request, so that Sum counts them and Average is their rate.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
void add_points(std::vector<MetricPoint>& points, const Dimensions& dimensions, const RequestCounts& counts,
                std::int64_t timestamp_ms) {
  const auto add = [&](const char* name, const char* unit, double value, std::uint64_t count) {
    if (count == 0) return;
    points.push_back({.metric_namespace = "Hearth",
                      .name = name,
                      .dimensions = dimensions,
                      .value = value,
                      .unit = unit,
                      .timestamp_ms = timestamp_ms,
                      .count = static_cast<double>(count)});
  };
  const auto requests = static_cast<double>(counts.requests);
  add("Requests", "Count", 1, counts.requests);
  add("4xxErrors", "Count", 1, counts.client_errors);
  add("4xxErrors", "Count", 0, counts.requests - counts.client_errors);
  add("5xxErrors", "Count", 1, counts.server_errors);
  add("5xxErrors", "Count", 0, counts.requests - counts.server_errors);
  add("BytesIn", "Bytes", static_cast<double>(counts.bytes_in) / requests, counts.requests);
  add("BytesOut", "Bytes", static_cast<double>(counts.bytes_out) / requests, counts.requests);
  for (const LatencyBucket& bucket : counts.latencies)
    if (bucket.count > 0) {
      const double us_mean = static_cast<double>(bucket.us_sum) / static_cast<double>(bucket.count);
      add("Latency", "Milliseconds", us_mean / 1000, bucket.count);
    }
}

}  // namespace

RequestMetricsReport::RequestMetricsReport(const RequestMetrics& metrics, MetricSink& sink, const Clock& clock,
                                           std::string account_id, std::string region)
    : metrics_(metrics), sink_(sink), clock_(clock), account_id_(std::move(account_id)), region_(std::move(region)) {}

void RequestMetricsReport::start(std::chrono::milliseconds period) {
  const auto step = [this] {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(was_forgotten_, false)) return;
    }
    report_and_log();
  };
  loop_ = std::make_unique<BackgroundLoop>("request metrics", period, step);
}

void RequestMetricsReport::stop() {
  if (!loop_) return;
  loop_.reset();
  report_and_log();
}

void RequestMetricsReport::report_and_log() {
  if (const auto reported = sync_wait(report()); !reported)
    log::warning("cannot report the request metrics", {{"why", reported.error().message()}});
}

Async<void> RequestMetricsReport::report() {
  Counts counted = metrics_.snapshot();
  std::map<std::string, RequestCounts> of_services;
  std::vector<MetricPoint> points;
  const std::int64_t now_ms = to_ms(clock_.now());
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, total] : counted) {
      RequestCounts fresh = total;
      if (const auto before = reported_.find(name); before != reported_.end()) fresh -= before->second;
      if (fresh.requests == 0) continue;
      const auto& [service, operation] = name;
      add_points(points, {{"Service", service}, {"Operation", operation}}, fresh, now_ms);
      of_services[service] += fresh;
    }
  }
  if (points.empty()) co_return ok;
  for (const auto& [service, counts] : of_services) add_points(points, {{"Service", service}}, counts, now_ms);
  CO_TRY_DO(co_await sink_.put_metrics(account_id_, region_, std::move(points)));
  std::lock_guard lock(mutex_);
  reported_ = std::move(counted);
  co_return ok;
}

void RequestMetricsReport::forget() {
  Counts counted = metrics_.snapshot();
  std::lock_guard lock(mutex_);
  reported_ = std::move(counted);
  was_forgotten_ = true;
}

}  // namespace hearth::gateway
