// A LLaMA or Mistral model for training: RMSNorm, rotary positions, grouped-query attention, SwiGLU. Its weights carry
// Hugging Face's names, its adapters PEFT's.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "llm/convert/model_shape.h"
#include "llm/train/options.h"
#include "llm/train/safetensors.h"

namespace hearth::llm::train {

class Model {
 public:
  // With random weights that depend on the seed alone.
  static Model create(const ModelOptions& options, std::size_t vocab_size, std::int64_t context_length,
                      std::uint64_t seed);
  // config.json and the weights of a folder. Fails when a weight is missing, odd in shape, or of no use here.
  static Model load(Storage& storage, const std::string& folder_uri);

  // All weights and adapters go to `device`, and forward() computes there. Before an optimizer knows them.
  void move_to(const at::Device& device);

  // Freezes the weights and gives the targets low-rank adapters, which at first change nothing.
  void add_lora(const LoraOptions& options, std::uint64_t seed);

  // Logits [batch, length, vocab] for token ids [batch, length] on device().
  at::Tensor forward(const at::Tensor& ids) const;

  // What the optimizer moves: all weights, or the adapters alone.
  const TensorMap& trainable() const { return lora_.rank > 0 ? adapters_ : weights_; }
  const TensorMap& weights() const { return weights_; }
  // The weights with the adapters worked in.
  TensorMap merged_weights() const;
  // Replaces what trainable() holds. Fails when names or shapes differ.
  void set_trainable(const TensorMap& values);

  const convert::ModelShape& shape() const { return shape_; }
  at::Device device() const { return weights_.begin()->second.device(); }
  const LoraOptions& lora() const { return lora_; }
  std::int64_t trainable_count() const;
  // config.json; `as_bf16` is what it says of the weights beside it.
  std::string config_json(bool as_bf16) const;
  // adapter_config.json, as PEFT writes it.
  std::string adapter_config_json(const std::string& base_model) const;

 private:
  at::Tensor linear(const at::Tensor& x, const std::string& name) const;
  at::Tensor attend(const at::Tensor& x, const std::string& layer, const at::Tensor& cosines,
                    const at::Tensor& sines) const;
  at::Tensor rotary_angles(std::int64_t length) const;
  double lora_scale() const { return lora_.alpha / static_cast<double>(lora_.rank); }
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> expected_weights() const;

  convert::ModelShape shape_;
  boost::json::object config_;
  TensorMap weights_, adapters_;
  LoraOptions lora_;
};

// Mean cross entropy over the targets that are not -100, and how many of those the logits foretell rightly.
struct Score {
  at::Tensor loss;
  std::int64_t correct = 0, counted = 0;
};
Score score(const at::Tensor& logits, const at::Tensor& targets, bool count_correct);

}  // namespace hearth::llm::train
