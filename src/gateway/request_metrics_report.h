// What the gateway counted, as metrics of the namespace `Hearth` that belong to one account: Requests, 4xxErrors,
// 5xxErrors, Latency, BytesIn, BytesOut, each for a service and for each of its operations. Written off the request
// path, one batch a period, and nothing while nobody calls. A crash loses the counts of one period. Safe from any
// thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/background.h"
#include "base/time.h"
#include "gateway/request_metrics.h"
#include "ports/observability.h"

namespace hearth::gateway {

class RequestMetricsReport {
 public:
  RequestMetricsReport(const RequestMetrics& metrics, MetricSink& sink, const Clock& clock, std::string account_id,
                       std::string region);

  void start(std::chrono::milliseconds period);
  // Stops, and reports what is left. Idempotent.
  void stop();

  // Puts what was counted since the last report that succeeded.
  Async<void> report();
  // What was counted until now is never reported, and the next report is at least a period away.
  void forget();

 private:
  using Counts = std::map<RequestMetrics::Name, RequestCounts>;
  void report_and_log();

  const RequestMetrics& metrics_;
  MetricSink& sink_;
  const Clock& clock_;
  const std::string account_id_, region_;
  std::mutex mutex_;
  Counts reported_;
  bool was_forgotten_ = false;
  std::unique_ptr<BackgroundLoop> loop_;
};

}  // namespace hearth::gateway
