// Ends an answer at the first stop sequence, however the tokens fall. Text that may still turn out to be the start of a
// stop sequence is held back, so nothing of one is ever sent.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth::llm::infer {

class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops = {}) : stops_(std::move(stops)) {}

  // Adds text and returns what may be sent. After a match it returns what came before the stop sequence, then nothing.
  std::string add(std::string_view text);
  // The text still held back, when the answer ends for another reason.
  std::string finish();
  bool matched() const { return matched_; }

 private:
  std::vector<std::string> stops_;  // none is empty
  std::string held_;
  bool matched_ = false;
};

}  // namespace hearth::llm::infer
