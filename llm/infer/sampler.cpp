#include "llm/infer/sampler.h"

#include <llama.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hearth::llm::infer {

void Sampler::Free::operator()(llama_sampler* sampler) const {
  llama_sampler_free(sampler);
}

Sampler::Sampler(const SamplingOptions& options, std::uint32_t vocab_size)
    : chain_(llama_sampler_chain_init(llama_sampler_chain_default_params())) {
  const auto add = [this](llama_sampler* sampler) { llama_sampler_chain_add(chain_.get(), sampler); };
  if (options.presence_penalty != 0 || options.frequency_penalty != 0) {
    constexpr std::int32_t whole_answer = 1 << 20;
    add(llama_sampler_init_penalties(static_cast<std::int32_t>(vocab_size), whole_answer, 1.0f,
                                     options.frequency_penalty, options.presence_penalty));
  }
  if (options.temperature <= 0) {
    add(llama_sampler_init_greedy());
    return;
  }
  add(llama_sampler_init_temp(options.temperature));
  if (options.top_k > 0) add(llama_sampler_init_top_k(static_cast<std::int32_t>(options.top_k)));
  if (options.top_p < 1) add(llama_sampler_init_top_p(options.top_p, 1));
  if (options.min_p > 0) add(llama_sampler_init_min_p(options.min_p, 1));
  add(llama_sampler_init_dist(options.seed.value_or(LLAMA_DEFAULT_SEED)));  // the default seeds itself
}

Token Sampler::choose(std::span<const float> logits) {
  std::vector<llama_token_data> candidates;
  candidates.reserve(logits.size());
  for (std::size_t id = 0; id < logits.size(); ++id) candidates.push_back({static_cast<Token>(id), logits[id], 0});
  llama_token_data_array array = {candidates.data(), candidates.size(), -1, false};
  llama_sampler_apply(chain_.get(), &array);
  const Token chosen = array.data[array.selected].id;
  llama_sampler_accept(chain_.get(), chosen);
  return chosen;
}

std::vector<TokenLogprob> log_probabilities(std::span<const float> logits, Token chosen, std::size_t count) {
  const float largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - largest));
  const auto logprob = [&](Token token) {
    return static_cast<float>(logits[static_cast<std::size_t>(token)] - largest - std::log(sum));
  };

  std::vector<TokenLogprob> result = {{chosen, logprob(chosen)}};
  std::vector<Token> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  count = std::min(count, order.size());
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(count), [&](Token a, Token b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  for (std::size_t i = 0; i < count; ++i) result.push_back({order[i], logprob(order[i])});
  return result;
}

}  // namespace hearth::llm::infer
