#include "llm/infer/thread_choice.h"

#include <algorithm>
#include <bit>

namespace hearth::llm::infer {
namespace {
constexpr std::uint32_t probe_interval_min = 32;
constexpr std::uint32_t probe_interval_max = 2048;
}  // namespace

std::uint32_t ThreadChoice::next(std::uint32_t batch_tokens) {
  const auto size_class = static_cast<std::size_t>(std::bit_width(batch_tokens));
  current_ = &classes_[std::min(size_class, classes_.size() - 1)];
  const bool all_is_better = current_->all.count() > 0 && current_->all < current_->one;
  if (current_->one.count() == 0) {
    chose_all_ = false;
    probing_ = false;
  } else if (current_->until_probe == 0) {
    chose_all_ = !all_is_better;
    probing_ = true;
    if (chose_all_ && is_crowded_()) {
      chose_all_ = false;
      probing_ = false;
      current_->until_probe = probe_interval_min;
    }
  } else {
    chose_all_ = all_is_better;
    probing_ = false;
    --current_->until_probe;
  }
  return chose_all_ ? most_ : 1;
}

void ThreadChoice::record(std::chrono::nanoseconds took) {
  const bool all_was_better = current_->all.count() > 0 && current_->all < current_->one;
  (chose_all_ ? current_->all : current_->one) = std::max(took, std::chrono::nanoseconds(1));
  if (!probing_) return;
  const bool all_is_better = current_->all < current_->one;
  // A look that changes nothing is repeated less and less often: it may have been an expensive one.
  current_->probe_interval =
      all_is_better == all_was_better ? std::min(current_->probe_interval * 2, probe_interval_max) : probe_interval_min;
  current_->until_probe = current_->probe_interval;
}

}  // namespace hearth::llm::infer
