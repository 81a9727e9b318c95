// One generation from request to end: what to generate, and the answer as it grows. The scheduler's thread writes it,
// one reader awaits it. Shared by exactly those two, because either may be the last to let go.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/async.h"
#include "llm/infer/sampler.h"

namespace hearth::llm::infer {

struct Generation {
  std::vector<Token> prompt;  // not empty, shorter than the context
  SamplingOptions sampling;
  std::uint32_t token_count_max = 0;
  std::vector<std::string> stops;
  std::optional<std::uint32_t> top_logprobs;  // absent: no log probabilities at all
};

enum class FinishReason : std::uint8_t { stop, length };

// Some whole characters, with the tokens that were sampled meanwhile. Held-back text may leave `text` empty.
struct Piece {
  std::string text;
  std::vector<std::vector<TokenLogprob>> logprobs;  // one entry per token, when asked for
};

struct Outcome {
  FinishReason reason = FinishReason::stop;
  std::uint32_t prompt_tokens = 0;
  std::uint32_t completion_tokens = 0;
  std::uint32_t reused_tokens = 0;  // prompt tokens that were still in memory
  std::chrono::steady_clock::time_point first_token_at;
};

class Answer {
 public:
  explicit Answer(Generation generation) : generation_(std::move(generation)) {}
  const Generation& generation() const { return generation_; }

  // Reader: everything new since the last call, or nothing once the answer has ended. cancelled or internal if the
  // generation failed. One call at a time.
  Async<std::optional<Piece>> next();
  // Reader: valid once next() has returned nothing.
  Outcome outcome() const;
  // Reader: nobody waits for this any more. The scheduler frees its slot before the next token. From any thread.
  void cancel();

  // Scheduler.
  bool cancelled() const;
  void push(Piece piece);
  void finish(const Outcome& outcome);
  void fail(Error error);

 private:
  void wake(std::unique_lock<std::mutex>& lock);
  bool ready() const { return pending_ || ended_; }

  const Generation generation_;
  mutable std::mutex mutex_;
  std::optional<Piece> pending_;
  bool ended_ = false;
  bool cancelled_ = false;
  std::optional<Error> error_;
  Outcome outcome_;
  std::move_only_function<void()> resume_;
};

}  // namespace hearth::llm::infer
