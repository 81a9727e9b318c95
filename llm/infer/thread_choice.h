// How many threads to decode the next batch with: one, or all. libllama's threads wait for each other by spinning, so
// on processors that something else also uses, two threads can be a hundred times slower than one (measured: 2 tokens/s
// instead of 350), and for small models one is the faster choice anyway. So we measure, and keep measuring.
// One thread at a time.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

namespace hearth::llm::infer {

class ThreadChoice {
 public:
  // Trying all threads on a crowded machine can cost seconds, so `is_crowded` is asked before.
  explicit ThreadChoice(
      std::uint32_t most, std::function<bool()> is_crowded = [] { return false; })
      : most_(most), is_crowded_(std::move(is_crowded)) {}

  // For a batch of that many tokens.
  std::uint32_t next(std::uint32_t batch_tokens);
  // How long the batch took with what next() said.
  void record(std::chrono::nanoseconds took);

 private:
  // Batches of about the same size (by powers of two) are compared with each other.
  struct SizeClass {
    std::chrono::nanoseconds one{0};  // the last measurement of each choice; 0: none yet
    std::chrono::nanoseconds all{0};
    std::uint32_t until_probe = 0;
    std::uint32_t probe_interval = 32;
  };
  std::array<SizeClass, 11> classes_;
  std::uint32_t most_;
  std::function<bool()> is_crowded_;
  SizeClass* current_ = nullptr;
  bool chose_all_ = false;
  bool probing_ = false;
};

}  // namespace hearth::llm::infer
