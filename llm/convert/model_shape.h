// What a Hugging Face config.json says about a LLaMA-type model: sizes, and how positions are encoded.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::llm::convert {

enum class RopeScaling : std::uint8_t { none, linear, yarn, llama3 };

struct ModelShape {
  std::string architecture;  // "LlamaForCausalLM" or "MistralForCausalLM"
  std::uint32_t vocab_size = 0;
  std::uint32_t context_length = 0;
  std::uint32_t hidden_size = 0;
  std::uint32_t feed_forward_size = 0;
  std::uint32_t layer_count = 0;
  std::uint32_t head_count = 0;
  std::uint32_t kv_head_count = 0;
  std::uint32_t head_size = 0;
  float norm_epsilon = 0;
  bool tied_embeddings = false;

  float rope_theta = 0;
  RopeScaling rope_scaling = RopeScaling::none;
  float rope_factor = 1;
  float rope_low_frequency_factor = 1;   // llama3 only
  float rope_high_frequency_factor = 4;  // llama3 only
  std::uint32_t rope_original_context = 0;

  // llama3 scaling as one divisor per rotated pair; empty for every other scaling.
  std::vector<float> rope_divisors() const;
};

// invalid names the member that is missing or impossible; unsupported names what we do not serve (another architecture,
// mixture of experts, an activation other than SiLU, an unknown rope scaling).
Result<ModelShape> read_model_shape(const boost::json::object& config);

}  // namespace hearth::llm::convert
