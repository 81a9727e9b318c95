#include "llm/train/reporter.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdio>

#include "base/time.h"

namespace hearth::llm::train {
namespace json = boost::json;

namespace {
constexpr int bar_width = 24;
constexpr std::chrono::seconds plain_line_interval{5};
}  // namespace

std::string embedded_metrics(const std::string& job_name, std::int64_t step, std::int64_t time_ms,
                             const std::vector<Measurement>& measurements) {
  json::array metrics;
  json::object line;
  for (const Measurement& measurement : measurements) {
    if (!std::isfinite(measurement.value)) continue;  // not JSON, and not a sample
    metrics.emplace_back(json::object{{"Name", measurement.name}, {"Unit", measurement.unit}});
    line[measurement.name] = measurement.value;
  }
  // Lists of one list each: braces alone would make them one.
  json::array dimensions;
  dimensions.push_back(json::array{"JobName"});
  const json::object directive = {{"Namespace", "Hearth/Training"}, {"Dimensions", dimensions}, {"Metrics", metrics}};
  json::array directives;
  directives.push_back(directive);
  line["_aws"] = {{"Timestamp", time_ms}, {"CloudWatchMetrics", directives}};
  line["JobName"] = job_name;
  line["Step"] = step;
  return json::serialize(line);
}

Reporter::Reporter(std::string job_name, std::int64_t first_step, std::int64_t step_count)
    : job_name_(std::move(job_name)),
      first_step_(first_step),
      step_count_(step_count),
      watched_(isatty(STDERR_FILENO) == 1),
      started_(std::chrono::steady_clock::now()) {}

void Reporter::emit(std::int64_t step, const std::vector<Measurement>& measurements) {
  const std::int64_t now = to_ms(std::chrono::system_clock::now());
  fmt::print("{}\n", embedded_metrics(job_name_, step, now, measurements));
  std::fflush(stdout);
}

void Reporter::say(const std::string& line) {
  end_progress();
  fmt::print(stderr, "{}\n", line);
}

void Reporter::progress(std::int64_t step, double loss, double tokens_per_second) {
  const auto now = std::chrono::steady_clock::now();
  const bool is_last = step == step_count_;
  if (!watched_ && !is_last && now - last_line_ < plain_line_interval) return;
  last_line_ = now;
  const std::chrono::duration<double> passed = now - started_;
  const double per_step = passed.count() / static_cast<double>(std::max<std::int64_t>(1, step - first_step_));
  const auto left = static_cast<std::int64_t>(per_step * static_cast<double>(step_count_ - step));
  const std::string figures = fmt::format("step {}/{}  loss {:.3f}  {:.0f} tokens/s  {}:{:02} left", step, step_count_,
                                          loss, tokens_per_second, left / 60, left % 60);
  if (!watched_) {
    fmt::print(stderr, "{}\n", figures);
    return;
  }
  const auto filled = static_cast<int>(bar_width * step / std::max<std::int64_t>(1, step_count_));
  fmt::print(stderr, "\r\033[K[{}{}] {}", std::string(static_cast<std::size_t>(filled), '#'),
             std::string(static_cast<std::size_t>(bar_width - filled), '.'), figures);
  std::fflush(stderr);
}

void Reporter::end_progress() {
  if (watched_) fmt::print(stderr, "\r\033[K");
}

}  // namespace hearth::llm::train
