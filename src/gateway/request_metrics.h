// Counts of what the gateway answered: requests, latency, bytes and status per service and operation. Safe from any
// thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::gateway {

// Upper bounds in microseconds; the last bucket has none.
inline constexpr std::array<std::int64_t, 12> latency_bounds_us = {
    100, 250, 500, 1'000, 2'500, 5'000, 10'000, 50'000, 100'000, 500'000, 1'000'000, 10'000'000};

struct OperationCounts {
  std::string service, operation;
  std::uint64_t requests = 0, client_errors = 0, server_errors = 0, latency_us_sum = 0, bytes_out = 0;
  std::array<std::uint64_t, latency_bounds_us.size() + 1> latency_buckets{};
};

class RequestMetrics {
 public:
  void record(std::string_view service, std::string_view operation, int status, std::int64_t latency_us,
              std::uint64_t bytes_out);
  std::vector<OperationCounts> snapshot() const;
  // The Prometheus text format. https://prometheus.io/docs/instrumenting/exposition_formats/
  std::string prometheus_text() const;

 private:
  struct Counters {
    std::atomic<std::uint64_t> requests = 0, client_errors = 0, server_errors = 0, latency_us_sum = 0, bytes_out = 0;
    std::array<std::atomic<std::uint64_t>, latency_bounds_us.size() + 1> latency_buckets{};
  };
  Counters& counters(std::string_view service, std::string_view operation);
  mutable std::shared_mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Counters>, std::less<>> counters_;
};

}  // namespace hearth::gateway
