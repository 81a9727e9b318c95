// How the demo tells what it does: a title for each step of the pipeline, the `aws` command that does the same, and
// proof that was read back.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::cli {

class Story {
 public:
  Story();
  void step(std::string_view id, std::string_view title);
  void command(std::string_view text);  // "aws s3 mb s3://x"
  void say(std::string_view text);
  void proof(std::string_view text);
  void lines(const std::vector<std::string>& drawing);
  // One line that is written over by the next in a terminal; elsewhere a line now and then, so that nobody thinks it
  // hangs.
  void progress(std::string_view text);
  std::chrono::seconds elapsed() const;

 private:
  void print(std::string_view mark, std::string_view text);
  bool is_terminal_;
  bool has_progress_ = false;
  std::chrono::steady_clock::time_point progress_at_{};
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace hearth::cli
