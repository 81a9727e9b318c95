#include "llm/train/model.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "llm/common/failure.h"

namespace hearth::llm::train {
namespace json = boost::json;

namespace {

constexpr std::int64_t ignored_target = -100;
constexpr std::array known_targets = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};

// Hugging Face's layout: the first half of a head is rotated with the second.
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosines, const at::Tensor& sines) {
  const std::vector<at::Tensor> halves = x.chunk(2, -1);
  return x * cosines + at::cat({-halves[1], halves[0]}, -1) * sines;
}

std::string layer_name(std::uint32_t layer) {
  return fmt::format("model.layers.{}.", layer);
}

std::string adapter_name(const std::string& weight_name, std::string_view side) {
  return fmt::format("base_model.model.{}.lora_{}.weight", weight_name, side);
}

}  // namespace

std::vector<std::pair<std::string, std::vector<std::int64_t>>> Model::expected_weights() const {
  const std::int64_t hidden = shape_.hidden_size, inner = shape_.feed_forward_size;
  const std::int64_t query_rows = static_cast<std::int64_t>(shape_.head_count) * shape_.head_size;
  const std::int64_t key_rows = static_cast<std::int64_t>(shape_.kv_head_count) * shape_.head_size;
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> expected;
  expected.push_back({"model.embed_tokens.weight", {shape_.vocab_size, hidden}});
  for (std::uint32_t i = 0; i < shape_.layer_count; ++i) {
    const std::string layer = layer_name(i);
    expected.push_back({layer + "input_layernorm.weight", {hidden}});
    expected.push_back({layer + "self_attn.q_proj.weight", {query_rows, hidden}});
    expected.push_back({layer + "self_attn.k_proj.weight", {key_rows, hidden}});
    expected.push_back({layer + "self_attn.v_proj.weight", {key_rows, hidden}});
    expected.push_back({layer + "self_attn.o_proj.weight", {hidden, query_rows}});
    expected.push_back({layer + "post_attention_layernorm.weight", {hidden}});
    expected.push_back({layer + "mlp.gate_proj.weight", {inner, hidden}});
    expected.push_back({layer + "mlp.up_proj.weight", {inner, hidden}});
    expected.push_back({layer + "mlp.down_proj.weight", {hidden, inner}});
  }
  expected.push_back({"model.norm.weight", {hidden}});
  if (!shape_.tied_embeddings) expected.push_back({"lm_head.weight", {shape_.vocab_size, hidden}});
  return expected;
}

Model Model::create(const ModelOptions& options, std::size_t vocab_size, std::int64_t context_length,
                    std::uint64_t seed) {
  if (options.hidden_size % options.head_count != 0)
    fail(FailureKind::usage, "--hidden-size must be a multiple of --heads");
  std::int64_t inner = options.feed_forward_size;
  if (inner == 0) inner = (options.hidden_size * 8 / 3 + 15) / 16 * 16;
  Model model;
  model.config_ = {{"architectures", json::array{"LlamaForCausalLM"}},
                   {"model_type", "llama"},
                   {"hidden_act", "silu"},
                   {"vocab_size", vocab_size},
                   {"hidden_size", options.hidden_size},
                   {"intermediate_size", inner},
                   {"num_hidden_layers", options.layer_count},
                   {"num_attention_heads", options.head_count},
                   {"num_key_value_heads", options.kv_head_count},
                   {"max_position_embeddings", context_length},
                   {"rms_norm_eps", 1e-5},
                   {"rope_theta", 10000.0},
                   {"tie_word_embeddings", options.tied_embeddings},
                   {"attention_bias", false},
                   {"mlp_bias", false},
                   // Tokenizers we learn end with their four special tokens.
                   {"bos_token_id", vocab_size - 4},
                   {"eos_token_id", json::array{vocab_size - 1, vocab_size - 3}}};
  model.shape_ = value_or_fail(convert::read_model_shape(model.config_), FailureKind::usage);

  at::manual_seed(seed);
  const double last_layer_scale = 1 / std::sqrt(2.0 * static_cast<double>(options.layer_count));
  for (const auto& [name, shape] : model.expected_weights()) {
    const bool writes_residual = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
    at::Tensor weight = shape.size() == 1 ? at::ones(shape) : at::randn(shape) * 0.02;
    if (writes_residual) weight.mul_(last_layer_scale);
    model.weights_[name] = weight.requires_grad_();
  }
  return model;
}

Model Model::load(Storage& storage, const std::string& folder_uri) {
  const std::string config_uri = join_uri(folder_uri, "config.json");
  boost::system::error_code error;
  const json::value config = json::parse(storage.read_text(config_uri), error);
  if (error || !config.is_object()) fail(FailureKind::input, "{} is not a JSON object", config_uri);
  Model model;
  model.config_ = config.get_object();
  model.shape_ = value_or_fail(convert::read_model_shape(model.config_), FailureKind::input);
  if (model.shape_.rope_scaling == convert::RopeScaling::yarn)
    fail(FailureKind::input, "{}: rope scaling 'yarn' can be served but not trained", config_uri);

  TensorMap found = read_model_tensors(storage, folder_uri);
  if (model.shape_.tied_embeddings) found.erase("lm_head.weight");
  for (const auto& [name, shape] : model.expected_weights()) {
    const auto tensor = found.find(name);
    if (tensor == found.end()) fail(FailureKind::input, "{}: weight {} is missing", folder_uri, name);
    if (tensor->second.sizes() != at::IntArrayRef(shape))
      fail(FailureKind::input, "{}: weight {} has not the shape config.json asks for", folder_uri, name);
    model.weights_[name] = tensor->second.requires_grad_();
    found.erase(tensor);
  }
  for (const auto& [name, tensor] : found)
    if (!name.ends_with("rotary_emb.inv_freq"))  // old files carry what follows from config.json
      fail(FailureKind::input, "{}: weight {} is not one this architecture has", folder_uri, name);
  return model;
}

void Model::move_to(const at::Device& device) {
  for (TensorMap* tensors : {&weights_, &adapters_})
    for (auto& [name, tensor] : *tensors) tensor = tensor.detach().to(device).requires_grad_(tensor.requires_grad());
}

void Model::add_lora(const LoraOptions& options, std::uint64_t seed) {
  lora_ = options;
  if (lora_.alpha == 0) lora_.alpha = 2.0 * static_cast<double>(lora_.rank);
  for (const std::string& target : lora_.targets)
    if (std::ranges::find(known_targets, target) == known_targets.end())
      fail(FailureKind::usage, "--lora-targets: '{}' is none of {}", target, fmt::join(known_targets, ", "));
  at::manual_seed(seed);
  for (auto& [name, weight] : weights_) {
    weight.requires_grad_(false);
    const std::string base = name.substr(0, name.rfind(".weight"));
    const std::string last = base.substr(base.rfind('.') + 1);
    if (std::ranges::find(lora_.targets, last) == lora_.targets.end()) continue;
    const double bound = 1 / std::sqrt(static_cast<double>(weight.size(1)));
    adapters_[adapter_name(base, "A")] =
        at::empty({lora_.rank, weight.size(1)}).uniform_(-bound, bound).requires_grad_();
    adapters_[adapter_name(base, "B")] = at::zeros({weight.size(0), lora_.rank}).requires_grad_();
  }
}

at::Tensor Model::linear(const at::Tensor& x, const std::string& name) const {
  at::Tensor out = at::linear(x, weights_.at(name + ".weight"));
  if (const auto down = adapters_.find(adapter_name(name, "A")); down != adapters_.end()) {
    const at::Tensor& up = adapters_.at(adapter_name(name, "B"));
    out = out + at::linear(at::linear(x, down->second), up) * lora_scale();
  }
  return out;
}

at::Tensor Model::rotary_angles(std::int64_t length) const {
  const at::TensorOptions here = at::TensorOptions(at::kFloat).device(device());
  at::Tensor frequencies =
      at::pow(shape_.rope_theta, -at::arange(0, shape_.head_size, 2, here) / static_cast<double>(shape_.head_size));
  if (std::vector<float> divisors = shape_.rope_divisors(); !divisors.empty())
    frequencies = frequencies / at::tensor(divisors).to(device());
  if (shape_.rope_scaling == convert::RopeScaling::linear) frequencies = frequencies / shape_.rope_factor;
  const at::Tensor angles = at::outer(at::arange(length, here), frequencies);
  return at::cat({angles, angles}, -1);
}

at::Tensor Model::attend(const at::Tensor& x, const std::string& layer, const at::Tensor& cosines,
                         const at::Tensor& sines) const {
  const std::int64_t batch = x.size(0), length = x.size(1);
  const auto heads = [&](const char* name, std::uint32_t count) {
    return linear(x, layer + name).view({batch, length, count, shape_.head_size}).transpose(1, 2);
  };
  const at::Tensor query = rotate(heads("self_attn.q_proj", shape_.head_count), cosines, sines);
  at::Tensor key = rotate(heads("self_attn.k_proj", shape_.kv_head_count), cosines, sines);
  at::Tensor value = heads("self_attn.v_proj", shape_.kv_head_count);
  if (const std::int64_t group = shape_.head_count / shape_.kv_head_count; group > 1) {
    key = key.repeat_interleave(group, 1);
    value = value.repeat_interleave(group, 1);
  }
  const at::Tensor seen = at::scaled_dot_product_attention(query, key, value, {}, 0.0, true);
  return linear(seen.transpose(1, 2).reshape({batch, length, -1}), layer + "self_attn.o_proj");
}

at::Tensor Model::forward(const at::Tensor& ids) const {
  const at::Tensor angles = rotary_angles(ids.size(1));
  const at::Tensor cosines = angles.cos(), sines = angles.sin();
  const auto normed = [&](const at::Tensor& x, const std::string& name) {
    return at::rms_norm(x, {x.size(-1)}, weights_.at(name), shape_.norm_epsilon);
  };
  at::Tensor x = at::embedding(weights_.at("model.embed_tokens.weight"), ids);
  for (std::uint32_t i = 0; i < shape_.layer_count; ++i) {
    const std::string layer = layer_name(i);
    x = x + attend(normed(x, layer + "input_layernorm.weight"), layer, cosines, sines);
    const at::Tensor y = normed(x, layer + "post_attention_layernorm.weight");
    const at::Tensor inner = at::silu(linear(y, layer + "mlp.gate_proj")) * linear(y, layer + "mlp.up_proj");
    x = x + linear(inner, layer + "mlp.down_proj");
  }
  x = normed(x, "model.norm.weight");
  return at::linear(x, weights_.at(shape_.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight"));
}

TensorMap Model::merged_weights() const {
  c10::NoGradGuard no_grad;
  TensorMap merged;
  for (const auto& [name, weight] : weights_) {
    const std::string base = name.substr(0, name.rfind(".weight"));
    const auto down = adapters_.find(adapter_name(base, "A"));
    if (down == adapters_.end())
      merged[name] = weight.detach();
    else
      merged[name] = weight + at::matmul(adapters_.at(adapter_name(base, "B")), down->second) * lora_scale();
  }
  return merged;
}

void Model::set_trainable(const TensorMap& values) {
  c10::NoGradGuard no_grad;
  for (const auto& [name, tensor] : trainable()) {
    const auto value = values.find(name);
    if (value == values.end() || value->second.sizes() != tensor.sizes())
      fail(FailureKind::input, "the checkpoint is of another model: {} differs", name);
    at::Tensor(tensor).copy_(value->second);
  }
}

std::int64_t Model::trainable_count() const {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : trainable()) count += tensor.numel();
  return count;
}

std::string Model::config_json(bool as_bf16) const {
  json::object config = config_;
  // Newer files say it under another name, and readers believe that one first.
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] = as_bf16 ? "bfloat16" : "float32";
  return json::serialize(config);
}

std::string Model::adapter_config_json(const std::string& base_model) const {
  json::array targets;
  for (const std::string& target : lora_.targets) targets.emplace_back(target);
  return json::serialize(json::object{{"peft_type", "LORA"},
                                      {"task_type", "CAUSAL_LM"},
                                      {"base_model_name_or_path", base_model},
                                      {"r", lora_.rank},
                                      {"lora_alpha", lora_.alpha},
                                      {"lora_dropout", 0.0},
                                      {"bias", "none"},
                                      {"fan_in_fan_out", false},
                                      {"inference_mode", true},
                                      {"target_modules", targets}});
}

Score score(const at::Tensor& logits, const at::Tensor& targets, bool count_correct) {
  const at::Tensor flat = logits.reshape({-1, logits.size(-1)}).to(at::kFloat);
  const at::Tensor wanted = targets.reshape({-1});
  Score result;
  result.loss = at::cross_entropy_loss(flat, wanted, {}, at::Reduction::Mean, ignored_target);
  if (count_correct) {
    const at::Tensor counted = wanted != ignored_target;
    result.counted = counted.sum().item<std::int64_t>();
    result.correct = ((flat.argmax(-1) == wanted) & counted).sum().item<std::int64_t>();
  }
  return result;
}

}  // namespace hearth::llm::train
