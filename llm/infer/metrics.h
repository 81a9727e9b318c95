// Counts and distributions of this server, as Prometheus reads them. Safe from any thread.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "llm/infer/scheduler.h"

namespace hearth::llm::infer {

class Histogram {
 public:
  void record(double seconds);
  void write(std::string& into, std::string_view name, std::string_view help) const;

 private:
  static constexpr std::array<double, 14> bounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                    0.25,  0.5,    1,     2.5,  5,     10,   60};
  std::array<std::uint64_t, bounds.size() + 1> counts_{};
  double sum_ = 0;
};

class Metrics {
 public:
  using Seconds = std::chrono::duration<double>;

  void count_request(const std::string& route, int status);
  void record_first_token(Seconds after_arrival);
  void record_answer(Seconds latency, std::uint32_t prompt_tokens, std::uint32_t completion_tokens);

  std::string render(const SchedulerState& state, std::uint32_t slot_count) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
  std::uint64_t prompt_tokens_ = 0;
  std::uint64_t completion_tokens_ = 0;
  Histogram first_token_;
  Histogram latency_;
};

}  // namespace hearth::llm::infer
