// What a run tells the world: measurements on stdout in CloudWatch's embedded metric format, a progress bar (or plain
// lines where nobody watches) on stderr.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::llm::train {

struct Measurement {
  std::string_view name;
  double value;
  std::string_view unit;
};

// One line of namespace Hearth/Training with dimension JobName and member Step.
std::string embedded_metrics(const std::string& job_name, std::int64_t step, std::int64_t time_ms,
                             const std::vector<Measurement>& measurements);

class Reporter {
 public:
  Reporter(std::string job_name, std::int64_t first_step, std::int64_t step_count);
  void emit(std::int64_t step, const std::vector<Measurement>& measurements);
  void say(const std::string& line);
  void progress(std::int64_t step, double loss, double tokens_per_second);
  void end_progress();

 private:
  std::string job_name_;
  std::int64_t first_step_, step_count_;
  bool watched_;
  std::chrono::steady_clock::time_point started_, last_line_{};
};

}  // namespace hearth::llm::train
