// What any room may report without knowing CloudWatch: metrics, log lines, notices. Implemented by services/cloudwatch,
// services/logs and services/sns; wired in server/. Safe from any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/async.h"
#include "base/time.h"

namespace hearth {

struct MetricPoint {
  std::string metric_namespace;  // "AWS/EC2"
  std::string name;              // "CPUUtilization"
  std::vector<std::pair<std::string, std::string>> dimensions;
  double value = 0;
  std::string unit = "None";  // CloudWatch StandardUnit
  std::int64_t timestamp_ms = 0;
  double count = 1;  // how often the value was seen
};

class MetricSink {
 public:
  virtual ~MetricSink() = default;
  virtual Async<void> put_metrics(std::string_view account_id, std::string_view region,
                                  std::vector<MetricPoint> points) = 0;
};

class LogSink {
 public:
  virtual ~LogSink() = default;
  // Creates group and stream when missing. Embedded-metric-format lines become metrics too. Durable when it returns.
  virtual Async<void> put_log_lines(std::string_view account_id, std::string_view region, std::string_view group,
                                    std::string_view stream,
                                    std::vector<std::pair<std::int64_t, std::string>> timestamped_lines) = 0;
};

class Notifier {
 public:
  virtual ~Notifier() = default;
  // Publishes to a topic on behalf of a service; accepted durably when it returns, delivered at least once after.
  virtual Async<void> notify(std::string_view topic_arn, std::string subject, std::string message) = 0;
};

}  // namespace hearth
