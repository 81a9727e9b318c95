// Makes a Hugging Face model folder of a tiny LLaMA with random weights: config.json, model.safetensors (or shards),
// tokenizer.json with a byte-level vocabulary, tokenizer_config.json with a ChatML template. For tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace hearth::llm::testing {

struct TinyTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

struct TinyModel {
  std::uint32_t hidden_size = 64;
  std::uint32_t feed_forward_size = 128;
  std::uint32_t layer_count = 2;
  std::uint32_t head_count = 4;
  std::uint32_t kv_head_count = 2;
  std::uint32_t context_length = 512;
  std::uint32_t vocab_size = 300;  // 256 bytes, some merges, unused ids, four special tokens at the end
  bool tied_embeddings = false;
  bool two_shards = false;
  bool chat_template = true;
  std::string element_type = "F32";  // "F32", "F16" or "BF16"
  std::string config_extra;          // further members of config.json: `"rope_scaling": {…}`
  std::uint32_t seed = 1;

  // The weights as written, by Hugging Face name (F16 and BF16 are rounded after this).
  std::map<std::string, TinyTensor> tensors() const;
  void write(const std::filesystem::path& folder) const;
};

// A folder that is removed with its contents when this goes.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace hearth::llm::testing
