#include "llm/convert/model_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "llm/convert/json_file.h"

namespace hearth::llm::convert {
namespace json = boost::json;

namespace {

Error unsupported(std::string message) {
  return Error(ErrorKind::unsupported, std::move(message));
}

Result<std::uint32_t> required_count(const json::object& config, std::string_view name) {
  const std::optional<std::uint32_t> count = find_count(config, name);
  if (!count || *count == 0)
    return Error(ErrorKind::invalid, fmt::format("config.json: {} must be a positive whole number", name));
  return *count;
}

Result<std::string> read_architecture(const json::object& config) {
  std::string name;
  if (const json::array* names = find_array(config, "architectures"); names && names->size() == 1)
    if (const json::string* text = names->front().if_string()) name = std::string(*text);
  if (name != "LlamaForCausalLM" && name != "MistralForCausalLM")
    return unsupported(
        fmt::format("config.json: architecture '{}' is not served; LlamaForCausalLM and "
                    "MistralForCausalLM are",
                    name));
  return name;
}

// Older files keep rope_theta and rope_scaling apart; newer ones have rope_parameters with both.
Result<void> read_rope(const json::object& config, ModelShape& shape) {
  const json::object* parameters = find_object(config, "rope_parameters");
  const json::object* scaling = parameters ? parameters : find_object(config, "rope_scaling");
  std::optional<double> theta = find_number(config, "rope_theta");
  if (parameters && !theta) theta = find_number(*parameters, "rope_theta");
  shape.rope_theta = static_cast<float>(theta.value_or(10000.0));
  if (!(shape.rope_theta > 0)) return Error(ErrorKind::invalid, "config.json: rope_theta must be positive");
  if (!scaling) return ok;

  std::string type = find_string(*scaling, "rope_type").value_or("");
  if (type.empty()) type = find_string(*scaling, "type").value_or("default");
  if (type == "default") return ok;
  if (type == "linear")
    shape.rope_scaling = RopeScaling::linear;
  else if (type == "yarn")
    shape.rope_scaling = RopeScaling::yarn;
  else if (type == "llama3")
    shape.rope_scaling = RopeScaling::llama3;
  else
    return unsupported(fmt::format("config.json: rope scaling '{}' is not served", type));

  shape.rope_factor = static_cast<float>(find_number(*scaling, "factor").value_or(1.0));
  shape.rope_low_frequency_factor = static_cast<float>(find_number(*scaling, "low_freq_factor").value_or(1.0));
  shape.rope_high_frequency_factor = static_cast<float>(find_number(*scaling, "high_freq_factor").value_or(4.0));
  shape.rope_original_context = find_count(*scaling, "original_max_position_embeddings").value_or(shape.context_length);
  if (!(shape.rope_factor > 0)) return Error(ErrorKind::invalid, "config.json: the rope factor must be positive");
  if (shape.rope_scaling == RopeScaling::llama3 &&
      !(shape.rope_high_frequency_factor > shape.rope_low_frequency_factor))
    return Error(ErrorKind::invalid, "config.json: high_freq_factor must be above low_freq_factor");
  return ok;
}

}  // namespace

// The same rule as the reference implementation: short waves stay, long waves are slowed by `factor`, those between are
// interpolated.
std::vector<float> ModelShape::rope_divisors() const {
  std::vector<float> divisors;
  if (rope_scaling != RopeScaling::llama3) return divisors;
  const double original = rope_original_context;
  const double longest_kept = original / rope_high_frequency_factor;
  const double shortest_scaled = original / rope_low_frequency_factor;
  for (std::uint32_t i = 0; i < head_size; i += 2) {
    const double frequency = std::pow(static_cast<double>(rope_theta), -static_cast<double>(i) / head_size);
    const double wave_length = 2 * std::numbers::pi / frequency;
    double divisor = rope_factor;
    if (wave_length < longest_kept) {
      divisor = 1;
    } else if (wave_length <= shortest_scaled) {
      const double smooth = (original / wave_length - rope_low_frequency_factor) /
                            (rope_high_frequency_factor - rope_low_frequency_factor);
      divisor = 1 / ((1 - smooth) / rope_factor + smooth);
    }
    divisors.push_back(static_cast<float>(divisor));
  }
  return divisors;
}

Result<ModelShape> read_model_shape(const json::object& config) {
  ModelShape shape;
  TRY(shape.architecture, read_architecture(config));
  TRY(shape.vocab_size, required_count(config, "vocab_size"));
  TRY(shape.context_length, required_count(config, "max_position_embeddings"));
  TRY(shape.hidden_size, required_count(config, "hidden_size"));
  TRY(shape.feed_forward_size, required_count(config, "intermediate_size"));
  TRY(shape.layer_count, required_count(config, "num_hidden_layers"));
  TRY(shape.head_count, required_count(config, "num_attention_heads"));
  shape.kv_head_count = find_count(config, "num_key_value_heads").value_or(shape.head_count);
  if (shape.kv_head_count == 0 || shape.head_count % shape.kv_head_count != 0)
    return Error(ErrorKind::invalid, "config.json: num_key_value_heads must divide num_attention_heads");
  shape.head_size = find_count(config, "head_dim").value_or(shape.hidden_size / shape.head_count);
  if (shape.head_size == 0 || shape.head_size % 2 != 0)
    return Error(ErrorKind::invalid, "config.json: the head size must be even");

  const std::string activation = find_string(config, "hidden_act").value_or("silu");
  if (activation != "silu") return unsupported(fmt::format("config.json: activation '{}' is not served", activation));
  shape.norm_epsilon = static_cast<float>(find_number(config, "rms_norm_eps").value_or(1e-6));
  shape.tied_embeddings = find_bool(config, "tie_word_embeddings").value_or(false);
  TRY_DO(read_rope(config, shape));

  // Mistral 0.1 attends to a window only. Within the window that is full attention, so we serve that much context.
  if (const auto window = find_count(config, "sliding_window"); window && *window > 0)
    shape.context_length = std::min(shape.context_length, *window);
  return shape;
}

}  // namespace hearth::llm::convert
