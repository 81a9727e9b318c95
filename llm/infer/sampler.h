// Chooses the next token from the logits, with the knobs of the OpenAI API and its usual extensions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "llm/infer/model.h"

struct llama_sampler;

namespace hearth::llm::infer {

struct SamplingOptions {
  float temperature = 1;  // 0 takes the most likely token
  float top_p = 1;
  float min_p = 0;
  std::uint32_t top_k = 0;  // 0: all
  float presence_penalty = 0;
  float frequency_penalty = 0;
  std::optional<std::uint32_t> seed;
};

struct TokenLogprob {
  Token token = 0;
  float logprob = 0;
};

// Penalties count the tokens of the answer, as OpenAI has it, not those of the prompt. One thread at a time.
class Sampler {
 public:
  Sampler(const SamplingOptions& options, std::uint32_t vocab_size);
  // Chooses a token and remembers it for the penalties.
  Token choose(std::span<const float> logits);

 private:
  struct Free {
    void operator()(llama_sampler* sampler) const;
  };
  std::unique_ptr<llama_sampler, Free> chain_;
};

// Natural logarithms of the model's own probabilities (before temperature and the rest): of `chosen` first, then of the
// `count` most likely tokens, best first.
std::vector<TokenLogprob> log_probabilities(std::span<const float> logits, Token chosen, std::size_t count);

}  // namespace hearth::llm::infer
