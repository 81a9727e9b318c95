#include "llm/infer/metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::llm::infer {
namespace {

void write_head(std::string& into, std::string_view name, std::string_view type, std::string_view help) {
  into += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
}

void write_one(std::string& into, std::string_view name, std::string_view type, std::string_view help,
               std::uint64_t value) {
  write_head(into, name, type, help);
  into += fmt::format("{} {}\n", name, value);
}

}  // namespace

void Histogram::record(double seconds) {
  const auto bucket = std::ranges::lower_bound(bounds, seconds);
  ++counts_[static_cast<std::size_t>(bucket - bounds.begin())];
  sum_ += seconds;
}

void Histogram::write(std::string& into, std::string_view name, std::string_view help) const {
  write_head(into, name, "histogram", help);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    below += counts_[i];
    into += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name, bounds[i], below);
  }
  below += counts_.back();
  into += fmt::format("{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name, below, sum_);
}

void Metrics::count_request(const std::string& route, int status) {
  const std::lock_guard lock(mutex_);
  ++requests_[{route, status}];
}

void Metrics::record_first_token(Seconds after_arrival) {
  const std::lock_guard lock(mutex_);
  first_token_.record(after_arrival.count());
}

void Metrics::record_answer(Seconds latency, std::uint32_t prompt_tokens, std::uint32_t completion_tokens) {
  const std::lock_guard lock(mutex_);
  latency_.record(latency.count());
  prompt_tokens_ += prompt_tokens;
  completion_tokens_ += completion_tokens;
}

std::string Metrics::render(const SchedulerState& state, std::uint32_t slot_count) const {
  const std::lock_guard lock(mutex_);
  std::string text;
  write_head(text, "hearth_infer_requests_total", "counter", "Requests answered, by route and status.");
  for (const auto& [key, count] : requests_)
    text += fmt::format("hearth_infer_requests_total{{route=\"{}\",status=\"{}\"}} {}\n", key.first, key.second, count);
  write_one(text, "hearth_infer_prompt_tokens_total", "counter", "Prompt tokens of finished answers.", prompt_tokens_);
  write_one(text, "hearth_infer_completion_tokens_total", "counter", "Tokens generated in finished answers.",
            completion_tokens_);
  write_one(text, "hearth_infer_reused_tokens_total", "counter", "Prompt tokens that were still in the model's memory.",
            state.reused_tokens);
  write_one(text, "hearth_infer_decoded_batches_total", "counter", "Times the model was run.", state.decoded_batches);
  write_one(text, "hearth_infer_queue_length", "gauge", "Requests waiting for a slot.", state.queue_length);
  write_one(text, "hearth_infer_slots_busy", "gauge", "Slots that are working on an answer.", state.slots_busy);
  write_one(text, "hearth_infer_slots", "gauge", "Answers that can be worked on at once.", slot_count);
  first_token_.write(text, "hearth_infer_time_to_first_token_seconds",
                     "From the request's arrival to its first token.");
  latency_.write(text, "hearth_infer_request_latency_seconds", "From the request's arrival to the end of its answer.");
  return text;
}

}  // namespace hearth::llm::infer
