#include "llm/infer/answer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/executor.h"

namespace hearth::llm::infer {

Async<std::optional<Piece>> Answer::next() {
  co_await suspend([this](std::move_only_function<void()> resume) {
    std::unique_lock lock(mutex_);
    resume_ = std::move(resume);
    if (ready()) wake(lock);
  });
  const std::lock_guard lock(mutex_);
  if (pending_) co_return std::exchange(pending_, std::nullopt);
  if (error_) co_return *error_;
  co_return std::optional<Piece>();
}

Outcome Answer::outcome() const {
  const std::lock_guard lock(mutex_);
  return outcome_;
}

void Answer::cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
}

bool Answer::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

void Answer::push(Piece piece) {
  std::unique_lock lock(mutex_);
  if (!pending_) {
    pending_ = std::move(piece);
  } else {
    pending_->text += piece.text;
    std::ranges::move(piece.logprobs, std::back_inserter(pending_->logprobs));
  }
  wake(lock);
}

void Answer::finish(const Outcome& outcome) {
  std::unique_lock lock(mutex_);
  outcome_ = outcome;
  ended_ = true;
  wake(lock);
}

void Answer::fail(Error error) {
  std::unique_lock lock(mutex_);
  error_ = std::move(error);
  ended_ = true;
  wake(lock);
}

// Resuming may run the reader to its end and drop its share of this object: nothing may be touched afterwards.
void Answer::wake(std::unique_lock<std::mutex>& lock) {
  auto resume = std::exchange(resume_, nullptr);
  lock.unlock();
  if (resume) resume();
}

}  // namespace hearth::llm::infer
