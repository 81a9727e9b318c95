#include "llm/infer/scheduler.h"

#include <fmt/format.h>
#include <llama.h>
#include <stdlib.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "base/log.h"
#include "llm/infer/stop_matcher.h"
#include "llm/infer/thread_choice.h"
#include "llm/infer/utf8_buffer.h"

namespace hearth::llm::infer {
namespace {

constexpr std::uint32_t batch_tokens_max = 512;
// While answers are running, a prompt is read in pieces this small: they wait that much longer for their next token.
constexpr std::uint32_t prompt_piece_while_busy = 64;

bool more_work_than_processors() {
  double load = 0;
  return getloadavg(&load, 1) == 1 && load > usable_processor_count();
}

struct ContextFree {
  void operator()(llama_context* context) const { llama_free(context); }
};

// One sequence in the model's memory, and the answer it works on, if any.
struct Slot {
  llama_seq_id sequence = 0;
  std::vector<Token> memory;  // tokens the model has seen in this sequence, kept after the answer for reuse

  std::shared_ptr<Answer> answer;
  std::optional<Sampler> sampler;
  Utf8Buffer characters;
  StopMatcher stops;
  std::size_t prompt_read = 0;  // tokens of the prompt that are in `memory`
  std::uint32_t reused = 0;
  std::uint32_t generated = 0;
  std::chrono::steady_clock::time_point first_token_at;
  Token next = 0;                         // sampled, not yet seen by the model; valid once the prompt is read
  std::optional<std::int32_t> logits_at;  // where in the batch this step's logits for us are

  bool reading_prompt() const { return answer && prompt_read < answer->generation().prompt.size(); }
  bool generating() const { return answer && !reading_prompt(); }
};

std::size_t common_prefix(const std::vector<Token>& a, const std::vector<Token>& b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

class Batch {
 public:
  Batch() : batch_(llama_batch_init(batch_tokens_max, 0, 1)) {}
  ~Batch() { llama_batch_free(batch_); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  std::uint32_t size() const { return static_cast<std::uint32_t>(batch_.n_tokens); }
  std::uint32_t room() const { return batch_tokens_max - size(); }
  void clear() { batch_.n_tokens = 0; }
  std::int32_t add(Token token, std::size_t position, llama_seq_id sequence, bool wants_logits) {
    const std::int32_t at = batch_.n_tokens++;
    batch_.token[at] = token;
    batch_.pos[at] = static_cast<llama_pos>(position);
    batch_.n_seq_id[at] = 1;
    batch_.seq_id[at][0] = sequence;
    batch_.logits[at] = wants_logits;
    return at;
  }
  const llama_batch& raw() const { return batch_; }

 private:
  llama_batch batch_;
};

}  // namespace

struct Scheduler::Impl {
  const Model& model;
  std::unique_ptr<llama_context, ContextFree> context;
  std::uint32_t context_length = 0;
  std::size_t queue_length_max = 0;
  std::vector<Slot> slots;                    // the thread's own
  std::optional<ThreadChoice> thread_choice;  // absent: as many as the operator said
  Batch batch;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Answer>> queue;
  SchedulerState counters;
  bool draining = false;
  bool stopping = false;
  std::thread thread;

  explicit Impl(const Model& served) : model(served) {}

  void run() {
    while (wait_for_work()) {
      drop_cancelled();
      fill_slots();
      fill_batch();
      if (batch.size() > 0) decode();
      publish();
    }
    for (Slot& slot : slots)
      if (slot.answer) release(slot)->fail(Error(ErrorKind::cancelled, "the server is stopping"));
    publish();
  }

  bool any_busy() const {
    return std::ranges::any_of(slots, [](const Slot& slot) { return slot.answer != nullptr; });
  }

  bool wait_for_work() {
    std::unique_lock lock(mutex);
    if (!any_busy()) changed.wait(lock, [&] { return stopping || !queue.empty(); });
    return !stopping;
  }

  void publish() {
    const std::lock_guard lock(mutex);
    counters.slots_busy =
        static_cast<std::size_t>(std::ranges::count_if(slots, [](const Slot& slot) { return slot.answer != nullptr; }));
    changed.notify_all();
  }

  static std::shared_ptr<Answer> release(Slot& slot) {
    slot.sampler.reset();
    return std::exchange(slot.answer, nullptr);
  }

  void drop_cancelled() {
    for (Slot& slot : slots) {
      if (slot.answer && slot.answer->cancelled()) release(slot)->fail(Error(ErrorKind::cancelled, "cancelled"));
    }
    std::vector<std::shared_ptr<Answer>> dropped;
    {
      const std::lock_guard lock(mutex);
      const auto gone = std::ranges::stable_partition(queue, [](const auto& answer) { return !answer->cancelled(); });
      dropped.assign(gone.begin(), gone.end());
      queue.erase(gone.begin(), gone.end());
    }
    for (const auto& answer : dropped) answer->fail(Error(ErrorKind::cancelled, "cancelled"));
  }

  void fill_slots() {
    for (;;) {
      if (std::ranges::none_of(slots, [](const Slot& slot) { return !slot.answer; })) return;
      std::shared_ptr<Answer> answer;
      {
        const std::lock_guard lock(mutex);
        if (queue.empty()) return;
        answer = std::move(queue.front());
        queue.pop_front();
        ++counters.slots_busy;  // never idle in between, for wait_idle()
      }
      begin(best_slot_for(answer->generation().prompt), std::move(answer));
    }
  }

  // The free slot whose memory starts most like the prompt; else the one with the least to forget.
  Slot& best_slot_for(const std::vector<Token>& prompt) {
    Slot* best = nullptr;
    for (Slot& slot : slots) {
      if (slot.answer) continue;
      if (!best || common_prefix(slot.memory, prompt) > common_prefix(best->memory, prompt)) best = &slot;
    }
    return *best;
  }

  void begin(Slot& slot, std::shared_ptr<Answer> answer) {
    const Generation& generation = answer->generation();
    // The last token of the prompt is always read again: its logits are what we need.
    std::size_t keep = 0;
    if (model.can_reuse_prefix())
      keep = std::min(common_prefix(slot.memory, generation.prompt), generation.prompt.size() - 1);
    llama_memory_t memory = llama_get_memory(context.get());
    if (!llama_memory_seq_rm(memory, slot.sequence, static_cast<llama_pos>(keep), -1)) {
      llama_memory_seq_rm(memory, slot.sequence, -1, -1);
      keep = 0;
    }
    slot.memory.resize(keep);
    slot.prompt_read = keep;
    slot.reused = static_cast<std::uint32_t>(keep);
    slot.generated = 0;
    slot.characters = Utf8Buffer();
    slot.stops = StopMatcher(generation.stops);
    slot.sampler.emplace(generation.sampling, model.vocab_size());
    slot.answer = std::move(answer);
    const std::lock_guard lock(mutex);
    counters.reused_tokens += keep;
  }

  void fill_batch() {
    batch.clear();
    for (Slot& slot : slots) slot.logits_at.reset();
    for (Slot& slot : slots) {
      if (!slot.generating()) continue;
      slot.logits_at = batch.add(slot.next, slot.memory.size(), slot.sequence, true);
      slot.memory.push_back(slot.next);
    }
    std::uint32_t budget = batch.size() > 0 ? std::min(batch.room(), prompt_piece_while_busy) : batch.room();
    for (Slot& slot : slots) {
      if (!slot.reading_prompt() || slot.logits_at) continue;
      const std::vector<Token>& prompt = slot.answer->generation().prompt;
      for (; budget > 0 && slot.prompt_read < prompt.size(); --budget) {
        const bool last = slot.prompt_read + 1 == prompt.size();
        const Token token = prompt[slot.prompt_read++];
        const std::int32_t at = batch.add(token, slot.memory.size(), slot.sequence, last);
        slot.memory.push_back(token);
        if (last) slot.logits_at = at;
      }
    }
  }

  void decode() {
    const std::int32_t status = run_model();
    if (status != 0) return fail_all(status);
    {
      const std::lock_guard lock(mutex);
      ++counters.decoded_batches;
    }
    for (Slot& slot : slots) {
      if (!slot.logits_at) continue;
      const float* logits = llama_get_logits_ith(context.get(), *slot.logits_at);
      take_token(slot, std::span(logits, model.vocab_size()));
    }
  }

  std::int32_t run_model() {
    if (!thread_choice) return llama_decode(context.get(), batch.raw());
    const auto threads = static_cast<std::int32_t>(thread_choice->next(batch.size()));
    llama_set_n_threads(context.get(), threads, threads);
    const auto before = std::chrono::steady_clock::now();
    const std::int32_t status = llama_decode(context.get(), batch.raw());
    thread_choice->record(std::chrono::steady_clock::now() - before);
    return status;
  }

  // What the model's memory holds after a failure is not known: forget all of it.
  void fail_all(std::int32_t status) {
    log::error("decoding failed", {{"status", std::to_string(status)}});
    llama_memory_clear(llama_get_memory(context.get()), true);
    for (Slot& slot : slots) {
      slot.memory.clear();
      if (slot.answer) release(slot)->fail(Error(ErrorKind::internal, "decoding failed"));
    }
  }

  void take_token(Slot& slot, std::span<const float> logits) {
    const Generation& generation = slot.answer->generation();
    slot.next = slot.sampler->choose(logits);
    if (slot.generated++ == 0) slot.first_token_at = std::chrono::steady_clock::now();
    if (model.ends_answer(slot.next)) return finish(slot, FinishReason::stop);

    Piece piece;
    piece.text = slot.stops.add(slot.characters.add(model.bytes_of(slot.next)));
    if (generation.top_logprobs)
      piece.logprobs.push_back(log_probabilities(logits, slot.next, *generation.top_logprobs));
    if (!piece.text.empty() || !piece.logprobs.empty()) slot.answer->push(std::move(piece));

    if (slot.stops.matched()) return finish(slot, FinishReason::stop);
    if (slot.generated >= generation.token_count_max || slot.memory.size() + 1 >= context_length)
      finish(slot, FinishReason::length);
  }

  void finish(Slot& slot, FinishReason reason) {
    if (!slot.stops.matched()) {
      std::string rest = slot.stops.add(slot.characters.finish());
      rest += slot.stops.finish();
      if (!rest.empty()) slot.answer->push({.text = std::move(rest)});
    }
    const Outcome outcome = {.reason = reason,
                             .prompt_tokens = static_cast<std::uint32_t>(slot.answer->generation().prompt.size()),
                             .completion_tokens = slot.generated,
                             .reused_tokens = slot.reused,
                             .first_token_at = slot.first_token_at};
    release(slot)->finish(outcome);
  }
};

Result<std::unique_ptr<Scheduler>> Scheduler::start(const Model& model, const SchedulerOptions& options) {
  auto impl = std::make_unique<Impl>(model);
  impl->context_length = options.context_length ? options.context_length : model.context_length();
  impl->queue_length_max = options.queue_length_max;

  const std::uint32_t threads = options.thread_count ? options.thread_count : usable_processor_count();
  if (options.thread_count == 0 && threads > 1) impl->thread_choice.emplace(threads, more_work_than_processors);
  llama_context_params params = llama_context_default_params();
  params.n_ctx = impl->context_length * options.slot_count;
  params.n_seq_max = options.slot_count;
  params.n_batch = batch_tokens_max;
  params.n_ubatch = batch_tokens_max;
  params.n_threads = static_cast<std::int32_t>(threads);
  params.n_threads_batch = static_cast<std::int32_t>(threads);
  params.no_perf = true;
  if (model.is_full_precision()) {
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;  // it works in F16 whatever the types
  }
  params.kv_unified = false;  // every slot has its own share: a long answer cannot take another's
  impl->context.reset(llama_init_from_model(model.handle(), params));
  if (!impl->context)
    return Error(ErrorKind::unsupported, fmt::format("not enough memory for {} contexts of {} tokens",
                                                     options.slot_count, impl->context_length));

  impl->context_length = std::min(impl->context_length, llama_n_ctx_seq(impl->context.get()));

  for (std::uint32_t i = 0; i < options.slot_count; ++i)
    impl->slots.emplace_back().sequence = static_cast<llama_seq_id>(i);
  impl->thread = std::thread([raw = impl.get()] { raw->run(); });
  return std::unique_ptr<Scheduler>(new Scheduler(std::move(impl)));
}

Scheduler::Scheduler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Scheduler::~Scheduler() {
  std::deque<std::shared_ptr<Answer>> never_begun;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    never_begun.swap(impl_->queue);
    impl_->changed.notify_all();
  }
  impl_->thread.join();
  for (const auto& answer : never_begun) answer->fail(Error(ErrorKind::cancelled, "the server is stopping"));
}

Result<std::shared_ptr<Answer>> Scheduler::submit(Generation generation) {
  auto answer = std::make_shared<Answer>(std::move(generation));
  const std::lock_guard lock(impl_->mutex);
  if (impl_->draining || impl_->stopping) return Error(ErrorKind::cancelled, "the server is stopping");
  // Whoever finds a slot free does not wait, though the thread may not have taken it up yet.
  if (impl_->queue.size() + impl_->counters.slots_busy >= impl_->slots.size() + impl_->queue_length_max)
    return Error(ErrorKind::unavailable, "too many requests are waiting; try again later");
  impl_->queue.push_back(answer);
  impl_->changed.notify_all();
  return answer;
}

void Scheduler::begin_drain() {
  const std::lock_guard lock(impl_->mutex);
  impl_->draining = true;
}

bool Scheduler::draining() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->draining;
}

bool Scheduler::wait_idle(std::chrono::milliseconds limit) {
  std::unique_lock lock(impl_->mutex);
  return impl_->changed.wait_for(lock, limit, [&] { return impl_->queue.empty() && impl_->counters.slots_busy == 0; });
}

std::uint32_t Scheduler::context_length() const {
  return impl_->context_length;
}

std::uint32_t Scheduler::slot_count() const {
  return static_cast<std::uint32_t>(impl_->slots.size());
}

SchedulerState Scheduler::state() const {
  const std::lock_guard lock(impl_->mutex);
  SchedulerState state = impl_->counters;
  state.queue_length = impl_->queue.size();
  return state;
}

}  // namespace hearth::llm::infer
