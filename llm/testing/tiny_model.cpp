#include "llm/testing/tiny_model.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <bit>
#include <boost/json.hpp>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace hearth::llm::testing {
namespace json = boost::json;

namespace {

std::string utf8(std::uint32_t code_point) {
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  return {static_cast<char>(0xC0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 0x3F))};
}

// GPT-2's way of writing any byte as a printable character.
std::vector<std::string> byte_tokens() {
  std::vector<std::string> tokens;
  std::uint32_t next = 256;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    tokens.push_back(utf8(printable ? byte : next++));
  }
  return tokens;
}

std::uint16_t to_bf16(float value) {
  return static_cast<std::uint16_t>((std::bit_cast<std::uint32_t>(value) + 0x8000) >> 16);
}

std::uint16_t to_f16(float value) {
  return std::bit_cast<std::uint16_t>(static_cast<_Float16>(value));
}

std::string tensor_bytes(const TinyTensor& tensor, const std::string& element_type) {
  std::string bytes;
  for (const float value : tensor.values) {
    if (element_type == "F32") {
      bytes.append(reinterpret_cast<const char*>(&value), 4);
    } else {
      const std::uint16_t half = element_type == "F16" ? to_f16(value) : to_bf16(value);
      bytes.append(reinterpret_cast<const char*>(&half), 2);
    }
  }
  return bytes;
}

void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TinyTensor>& tensors,
                       const std::string& element_type) {
  json::object header;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t first = data.size();
    data += tensor_bytes(tensor, element_type);
    header[name] = {{"dtype", element_type},
                    {"shape", json::value_from(tensor.shape)},
                    {"data_offsets", json::array{first, data.size()}}};
  }
  std::string text = json::serialize(header);
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t size = text.size();
  write_text(path, std::string(reinterpret_cast<const char*>(&size), 8) + text + data);
}

}  // namespace

std::map<std::string, TinyTensor> TinyModel::tensors() const {
  std::mt19937 random(seed);
  const auto make = [&random](std::vector<std::int64_t> shape, float centre, float spread) {
    TinyTensor tensor{.shape = std::move(shape)};
    std::size_t count = 1;
    for (const std::int64_t length : tensor.shape) count *= static_cast<std::size_t>(length);
    // Not std::normal_distribution: its numbers differ between libraries.
    for (std::size_t i = 0; i < count; ++i)
      tensor.values.push_back(centre + spread * (static_cast<float>(random() >> 8) / 8388608.0f - 1.0f));
    return tensor;
  };
  const std::int64_t hidden = hidden_size;
  const std::int64_t feed_forward = feed_forward_size;
  const std::int64_t kv_rows = hidden / head_count * kv_head_count;

  // Wide enough that the logits lie far apart: sums in another order must not change the greedy answer.
  std::map<std::string, TinyTensor> made;
  made["model.embed_tokens.weight"] = make({vocab_size, hidden}, 0, 1.0f);
  for (std::uint32_t layer = 0; layer < layer_count; ++layer) {
    const auto named = [layer](std::string_view part) { return fmt::format("model.layers.{}.{}.weight", layer, part); };
    made[named("input_layernorm")] = make({hidden}, 1, 0.2f);
    made[named("self_attn.q_proj")] = make({hidden, hidden}, 0, 0.3f);
    made[named("self_attn.k_proj")] = make({kv_rows, hidden}, 0, 0.3f);
    made[named("self_attn.v_proj")] = make({kv_rows, hidden}, 0, 0.3f);
    made[named("self_attn.o_proj")] = make({hidden, hidden}, 0, 0.3f);
    made[named("post_attention_layernorm")] = make({hidden}, 1, 0.2f);
    made[named("mlp.gate_proj")] = make({feed_forward, hidden}, 0, 0.2f);
    made[named("mlp.up_proj")] = make({feed_forward, hidden}, 0, 0.2f);
    made[named("mlp.down_proj")] = make({hidden, feed_forward}, 0, 0.2f);
  }
  made["model.norm.weight"] = make({hidden}, 1, 0.2f);
  if (!tied_embeddings) made["lm_head.weight"] = make({vocab_size, hidden}, 0, 0.5f);
  return made;
}

void TinyModel::write(const std::filesystem::path& folder) const {
  std::filesystem::create_directories(folder);

  const std::map<std::string, TinyTensor> all = tensors();
  if (two_shards) {
    std::map<std::string, TinyTensor> parts[2];
    json::object weight_map;
    std::size_t index = 0;
    for (const auto& [name, tensor] : all) {
      const std::size_t part = index++ % 2;
      parts[part][name] = tensor;
      weight_map[name] = fmt::format("model-0000{}-of-00002.safetensors", part + 1);
    }
    write_safetensors(folder / "model-00001-of-00002.safetensors", parts[0], element_type);
    write_safetensors(folder / "model-00002-of-00002.safetensors", parts[1], element_type);
    write_text(folder / "model.safetensors.index.json", json::serialize(json::object{{"weight_map", weight_map}}));
  } else {
    write_safetensors(folder / "model.safetensors", all, element_type);
  }

  const std::string config = fmt::format(
      R"({{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
"hidden_size": {}, "intermediate_size": {}, "num_hidden_layers": {}, "num_attention_heads": {}, "num_key_value_heads": {},
"max_position_embeddings": {}, "vocab_size": {}, "tie_word_embeddings": {}, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
"bos_token_id": {}, "eos_token_id": {}{}{}}})",
      hidden_size, feed_forward_size, layer_count, head_count, kv_head_count, context_length, vocab_size,
      tied_embeddings, vocab_size - 4, vocab_size - 3, config_extra.empty() ? "" : ", ", config_extra);
  write_text(folder / "config.json", config);

  json::object vocab;
  std::int64_t next_id = 0;
  for (const std::string& token : byte_tokens()) vocab[token] = next_id++;
  json::array merges;
  constexpr std::pair<const char*, const char*> merged[] = {{"t", "h"}, {"th", "e"}, {"i", "n"}, {"a", "n"},
                                                            {"e", "r"}, {"o", "n"},  {"r", "e"}, {"s", "t"}};
  for (const auto& [left, right] : merged) {
    vocab[std::string(left) + right] = next_id++;
    merges.emplace_back(json::array{left, right});
  }
  json::array added;
  std::uint32_t special_id = vocab_size - 4;
  for (const char* special : {"<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>"})
    added.emplace_back(json::object{{"id", special_id++}, {"content", special}, {"special", true}});
  const json::object tokenizer = {
      {"version", "1.0"},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"model", {{"type", "BPE"}, {"byte_fallback", false}, {"vocab", vocab}, {"merges", merges}}}};
  write_text(folder / "tokenizer.json", json::serialize(tokenizer));

  json::object settings = {
      {"bos_token", "<|begin_of_text|>"}, {"eos_token", "<|end_of_text|>"}, {"add_bos_token", false}};
  if (chat_template)
    settings["chat_template"] =
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
  write_text(folder / "tokenizer_config.json", json::serialize(settings));
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "hearth-llm-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot make a temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace hearth::llm::testing
