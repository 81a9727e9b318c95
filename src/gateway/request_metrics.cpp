#include "gateway/request_metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::gateway {
namespace {

// Operation names come from requests; only so many different ones are kept apart.
constexpr std::size_t operation_count_max = 2'000;

// Of each decade Prometheus is shown these bounds only.
bool is_shown_to_prometheus(std::int64_t bound_us) {
  if (bound_us < 100) return false;
  while (bound_us >= 100) bound_us /= 10;
  return bound_us == 10 || bound_us == 25 || bound_us == 50;
}

std::size_t bucket_of(std::int64_t latency_us) {
  return static_cast<std::size_t>(std::ranges::lower_bound(latency_bounds_us, latency_us) - latency_bounds_us.begin());
}

}  // namespace

RequestCounts& RequestCounts::operator+=(const RequestCounts& other) {
  requests += other.requests;
  client_errors += other.client_errors;
  server_errors += other.server_errors;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  for (std::size_t i = 0; i < latencies.size(); ++i) {
    latencies[i].count += other.latencies[i].count;
    latencies[i].us_sum += other.latencies[i].us_sum;
  }
  return *this;
}

RequestCounts& RequestCounts::operator-=(const RequestCounts& other) {
  requests -= other.requests;
  client_errors -= other.client_errors;
  server_errors -= other.server_errors;
  bytes_in -= other.bytes_in;
  bytes_out -= other.bytes_out;
  for (std::size_t i = 0; i < latencies.size(); ++i) {
    latencies[i].count -= other.latencies[i].count;
    latencies[i].us_sum -= other.latencies[i].us_sum;
  }
  return *this;
}

RequestMetrics::Counters& RequestMetrics::counters(std::string_view service, std::string_view operation) {
  {
    std::shared_lock lock(mutex_);
    const std::pair<std::string_view, std::string_view> name(service, operation);
    if (const auto it = counters_.find(name); it != counters_.end()) return *it->second;
  }
  std::unique_lock lock(mutex_);
  const bool is_full = counters_.size() >= operation_count_max;
  auto& entry = counters_[{std::string(service), is_full ? "other" : std::string(operation)}];
  if (!entry) entry = std::make_unique<Counters>();
  return *entry;
}

void RequestMetrics::record(std::string_view service, std::string_view operation, const AnsweredRequest& answered) {
  Counters& counters_of_name = counters(service, operation);
  const auto latency_us = std::max<std::int64_t>(answered.latency_us, 0);
  const std::size_t bucket = bucket_of(latency_us);
  std::lock_guard lock(counters_of_name.mutex);
  RequestCounts& counts = counters_of_name.counts;
  ++counts.requests;
  if (answered.status >= 500)
    ++counts.server_errors;
  else if (answered.status >= 400)
    ++counts.client_errors;
  counts.bytes_in += answered.bytes_in;
  counts.bytes_out += answered.bytes_out;
  ++counts.latencies[bucket].count;
  counts.latencies[bucket].us_sum += static_cast<std::uint64_t>(latency_us);
}

std::map<RequestMetrics::Name, RequestCounts> RequestMetrics::snapshot() const {
  std::shared_lock lock(mutex_);
  std::map<Name, RequestCounts> all;
  for (const auto& [name, counters] : counters_) {
    std::lock_guard counting(counters->mutex);
    all.emplace(name, counters->counts);
  }
  return all;
}

std::string RequestMetrics::prometheus_text() const {
  const auto all = snapshot();
  const auto labels = [](const Name& name) {
    return fmt::format("service=\"{}\",operation=\"{}\"", name.first, name.second);
  };
  std::string out = "# TYPE hearth_requests_total counter\n";
  for (const auto& [name, c] : all) out += fmt::format("hearth_requests_total{{{}}} {}\n", labels(name), c.requests);
  out += "# TYPE hearth_request_errors_total counter\n";
  for (const auto& [name, c] : all) {
    out += fmt::format("hearth_request_errors_total{{{},fault=\"client\"}} {}\n", labels(name), c.client_errors);
    out += fmt::format("hearth_request_errors_total{{{},fault=\"server\"}} {}\n", labels(name), c.server_errors);
  }
  out += "# TYPE hearth_request_bytes_total counter\n";
  for (const auto& [name, c] : all)
    out += fmt::format("hearth_request_bytes_total{{{}}} {}\n", labels(name), c.bytes_in);
  out += "# TYPE hearth_response_bytes_total counter\n";
  for (const auto& [name, c] : all)
    out += fmt::format("hearth_response_bytes_total{{{}}} {}\n", labels(name), c.bytes_out);
  out += "# TYPE hearth_request_seconds histogram\n";
  for (const auto& [name, c] : all) {
    std::uint64_t below = 0, us_sum = 0;
    for (std::size_t i = 0; i < c.latencies.size(); ++i) {
      below += c.latencies[i].count;
      us_sum += c.latencies[i].us_sum;
      if (i < latency_bounds_us.size() && is_shown_to_prometheus(latency_bounds_us[i]))
        out += fmt::format("hearth_request_seconds_bucket{{{},le=\"{}\"}} {}\n", labels(name),
                           static_cast<double>(latency_bounds_us[i]) / 1e6, below);
    }
    out += fmt::format("hearth_request_seconds_bucket{{{},le=\"+Inf\"}} {}\n", labels(name), below);
    out += fmt::format("hearth_request_seconds_sum{{{}}} {}\n", labels(name), static_cast<double>(us_sum) / 1e6);
    out += fmt::format("hearth_request_seconds_count{{{}}} {}\n", labels(name), below);
  }
  return out;
}

}  // namespace hearth::gateway
