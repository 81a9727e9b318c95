// A model folder's tokenizer in the terms of the GGUF format: tokens with kinds, merges, special ids, chat template.
// Serves byte-level BPE (LLaMA 3, GPT-2 style) and BPE with byte fallback (LLaMA 2, Mistral 0.1) from tokenizer.json.
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md#tokenizer
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::llm::convert {

// The numbers are GGUF's.
enum class TokenKind : std::int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct Vocabulary {
  std::string model;  // "gpt2" (byte-level) or "llama" (byte fallback)
  std::string pre;    // which rule splits text before merging, in libllama's words
  std::vector<std::string> tokens;
  std::vector<TokenKind> kinds;
  std::vector<float> scores;        // model "llama" only
  std::vector<std::string> merges;  // model "gpt2" only
  std::optional<std::uint32_t> bos_id;
  std::optional<std::uint32_t> eos_id;
  std::optional<std::uint32_t> end_of_turn_id;  // a second token that ends an answer
  std::optional<std::uint32_t> pad_id;
  std::optional<std::uint32_t> unknown_id;
  bool adds_bos = false;
  bool adds_space_prefix = false;  // model "llama" only
  std::string chat_template;       // "" if the folder has none
};

// Which of libllama's splitting rules is the one tokenizer.json describes. unsupported when none is: a model tokenized
// by a wrong rule would answer, only worse, and nobody would notice.
Result<std::string> detect_pre_tokenizer(const boost::json::object& tokenizer);

// Reads tokenizer.json, and where they are there tokenizer_config.json, generation_config.json and
// chat_template.jinja. `vocab_size` is config.json's; ids without a token become unused ones.
Result<Vocabulary> read_vocabulary(const std::filesystem::path& folder, const boost::json::object& config,
                                   std::uint32_t vocab_size);

}  // namespace hearth::llm::convert
