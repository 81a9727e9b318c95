// Continuous batching: one thread decodes for all answers at once. Each answer has a slot (a sequence in the model's
// memory); prompts are read in pieces between the tokens of running answers, so a long prompt never silences them.
// Safe from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "llm/infer/answer.h"
#include "llm/infer/model.h"

namespace hearth::llm::infer {

struct SchedulerOptions {
  std::uint32_t context_length = 0;  // per answer; 0: what the model was trained for
  std::uint32_t slot_count = 4;
  std::uint32_t thread_count = 0;  // 0: one or usable_processor_count(), whichever is faster at the time
  std::size_t queue_length_max = 64;
};

struct SchedulerState {
  std::size_t slots_busy = 0;
  std::size_t queue_length = 0;
  std::uint64_t decoded_batches = 0;
  std::uint64_t reused_tokens = 0;
};

class Scheduler {
 public:
  // unsupported when there is not enough memory for that many contexts.
  static Result<std::unique_ptr<Scheduler>> start(const Model& model, const SchedulerOptions& options);
  // Ends what still runs with `cancelled`.
  ~Scheduler();

  // unavailable when the queue is full, cancelled when draining. The answer's prompt must fit context_length().
  Result<std::shared_ptr<Answer>> submit(Generation generation);
  // Takes nothing new; answers that are queued or running go on to their end.
  void begin_drain();
  bool draining() const;
  // Blocks until no answer is queued or running; false if that takes longer than `limit`.
  bool wait_idle(std::chrono::milliseconds limit);

  std::uint32_t context_length() const;
  std::uint32_t slot_count() const;
  SchedulerState state() const;

 private:
  struct Impl;
  explicit Scheduler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::llm::infer
