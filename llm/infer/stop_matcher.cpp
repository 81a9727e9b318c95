#include "llm/infer/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace hearth::llm::infer {

std::string StopMatcher::add(std::string_view text) {
  if (matched_) return {};
  held_ += text;

  std::size_t first_match = std::string::npos;
  for (const std::string& stop : stops_) first_match = std::min(first_match, held_.find(stop));
  if (first_match != std::string::npos) {
    matched_ = true;
    held_.resize(first_match);
    return std::exchange(held_, {});
  }

  // Keep the longest end that is the beginning of a stop sequence.
  std::size_t keep = 0;
  for (const std::string& stop : stops_) {
    for (std::size_t length = std::min(stop.size() - 1, held_.size()); length > keep; --length) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, length))) {
        keep = length;
        break;
      }
    }
  }
  std::string free_text = held_.substr(0, held_.size() - keep);
  held_.erase(0, free_text.size());
  return free_text;
}

std::string StopMatcher::finish() {
  return matched_ ? std::string() : std::exchange(held_, {});
}

}  // namespace hearth::llm::infer
