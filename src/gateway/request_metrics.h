// Counts of what the gateway answered: requests, latency, bytes and status per service and operation. Safe from any
// thread. Kept in memory; request_metrics_report carries them into CloudWatch.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::gateway {

inline constexpr std::array<std::int64_t, 12> latency_mantissas = {10, 12, 15, 18, 20, 25, 30, 35, 40, 50, 60, 75};
inline constexpr std::size_t latency_decade_count = 7;  // from 10 µs to 75 s

// Upper bounds of the latency buckets in microseconds; one more bucket has none.
inline constexpr auto latency_bounds_us = [] {
  std::array<std::int64_t, latency_mantissas.size() * latency_decade_count> bounds{};
  std::int64_t scale = 1;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    bounds[i] = latency_mantissas[i % latency_mantissas.size()] * scale;
    if ((i + 1) % latency_mantissas.size() == 0) scale *= 10;
  }
  return bounds;
}();

struct LatencyBucket {
  std::uint64_t count = 0;
  std::uint64_t us_sum = 0;
};

struct RequestCounts {
  std::uint64_t requests = 0, client_errors = 0, server_errors = 0, bytes_in = 0, bytes_out = 0;
  std::array<LatencyBucket, latency_bounds_us.size() + 1> latencies{};

  RequestCounts& operator+=(const RequestCounts& other);
  RequestCounts& operator-=(const RequestCounts& other);
};

struct AnsweredRequest {
  int status = 200;
  std::int64_t latency_us = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
};

class RequestMetrics {
 public:
  // Service and operation, in this order.
  using Name = std::pair<std::string, std::string>;

  void record(std::string_view service, std::string_view operation, const AnsweredRequest& answered);
  // Since the start of the process.
  std::map<Name, RequestCounts> snapshot() const;
  // The Prometheus text format. https://prometheus.io/docs/instrumenting/exposition_formats/
  std::string prometheus_text() const;

 private:
  struct Counters {
    std::mutex mutex;
    RequestCounts counts;
  };
  struct NameOrder {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      const std::string_view a_service = a.first, b_service = b.first;
      if (a_service != b_service) return a_service < b_service;
      return std::string_view(a.second) < std::string_view(b.second);
    }
  };
  Counters& counters(std::string_view service, std::string_view operation);
  mutable std::shared_mutex mutex_;
  std::map<Name, std::unique_ptr<Counters>, NameOrder> counters_;
};

}  // namespace hearth::gateway
