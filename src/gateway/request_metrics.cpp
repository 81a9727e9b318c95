#include "gateway/request_metrics.h"

#include <fmt/format.h>

#include <mutex>

namespace hearth::gateway {
namespace {
// Operation names come from requests; only so many different ones are kept apart.
constexpr std::size_t operation_count_max = 2'000;
}  // namespace

RequestMetrics::Counters& RequestMetrics::counters(std::string_view service, std::string_view operation) {
  const std::pair<std::string, std::string> key(service, operation);
  {
    std::shared_lock lock(mutex_);
    if (const auto it = counters_.find(key); it != counters_.end()) return *it->second;
  }
  std::unique_lock lock(mutex_);
  auto& entry = counters_.size() < operation_count_max ? counters_[key] : counters_[{std::string(service), "other"}];
  if (!entry) entry = std::make_unique<Counters>();
  return *entry;
}

void RequestMetrics::record(std::string_view service, std::string_view operation, int status, std::int64_t latency_us,
                            std::uint64_t bytes_out) {
  Counters& c = counters(service, operation);
  ++c.requests;
  if (status >= 500)
    ++c.server_errors;
  else if (status >= 400)
    ++c.client_errors;
  c.latency_us_sum += static_cast<std::uint64_t>(latency_us);
  c.bytes_out += bytes_out;
  std::size_t bucket = 0;
  while (bucket < latency_bounds_us.size() && latency_us > latency_bounds_us[bucket]) ++bucket;
  ++c.latency_buckets[bucket];
}

std::vector<OperationCounts> RequestMetrics::snapshot() const {
  std::shared_lock lock(mutex_);
  std::vector<OperationCounts> all;
  for (const auto& [key, c] : counters_) {
    OperationCounts counts{key.first,        key.second,        c->requests,  c->client_errors,
                           c->server_errors, c->latency_us_sum, c->bytes_out, {}};
    for (std::size_t i = 0; i < counts.latency_buckets.size(); ++i) counts.latency_buckets[i] = c->latency_buckets[i];
    all.push_back(std::move(counts));
  }
  return all;
}

std::string RequestMetrics::prometheus_text() const {
  const std::vector<OperationCounts> all = snapshot();
  std::string out = "# TYPE hearth_requests_total counter\n";
  for (const auto& c : all)
    out += fmt::format("hearth_requests_total{{service=\"{}\",operation=\"{}\"}} {}\n", c.service, c.operation,
                       c.requests);
  out += "# TYPE hearth_request_errors_total counter\n";
  for (const auto& c : all) {
    out += fmt::format("hearth_request_errors_total{{service=\"{}\",operation=\"{}\",fault=\"client\"}} {}\n",
                       c.service, c.operation, c.client_errors);
    out += fmt::format("hearth_request_errors_total{{service=\"{}\",operation=\"{}\",fault=\"server\"}} {}\n",
                       c.service, c.operation, c.server_errors);
  }
  out += "# TYPE hearth_response_bytes_total counter\n";
  for (const auto& c : all)
    out += fmt::format("hearth_response_bytes_total{{service=\"{}\",operation=\"{}\"}} {}\n", c.service, c.operation,
                       c.bytes_out);
  out += "# TYPE hearth_request_seconds histogram\n";
  for (const auto& c : all) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < latency_bounds_us.size(); ++i) {
      below += c.latency_buckets[i];
      out += fmt::format("hearth_request_seconds_bucket{{service=\"{}\",operation=\"{}\",le=\"{}\"}} {}\n", c.service,
                         c.operation, static_cast<double>(latency_bounds_us[i]) / 1e6, below);
    }
    out += fmt::format("hearth_request_seconds_bucket{{service=\"{}\",operation=\"{}\",le=\"+Inf\"}} {}\n", c.service,
                       c.operation, c.requests);
    out += fmt::format("hearth_request_seconds_sum{{service=\"{}\",operation=\"{}\"}} {}\n", c.service, c.operation,
                       static_cast<double>(c.latency_us_sum) / 1e6);
    out += fmt::format("hearth_request_seconds_count{{service=\"{}\",operation=\"{}\"}} {}\n", c.service, c.operation,
                       c.requests);
  }
  return out;
}

}  // namespace hearth::gateway
