// A loaded GGUF model: its vocabulary and its chat template. Const members are safe from any thread.
// The only files that see libllama are model.cpp, sampler.cpp, scheduler.cpp and logits.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct llama_model;
struct llama_vocab;

namespace hearth::llm::infer {

using Token = std::int32_t;

struct ChatMessage {
  std::string role;
  std::string content;
};

// Processors this process may use: the cpuset of its cgroup, as nproc(1) says it, not the machine's.
unsigned usable_processor_count();

class Model {
 public:
  // invalid if libllama cannot load the file; message says so, the reasons are in the log.
  static Result<std::unique_ptr<Model>> load(const std::filesystem::path& gguf);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  // Special tokens written out in `text` become those tokens only with `parse_special`. Adds the first token of a text
  // (BOS) when the model wants one and `add_bos` is set.
  std::vector<Token> tokenize(std::string_view text, bool add_bos, bool parse_special) const;
  // The token's bytes; not always whole characters. "" for a special token.
  std::string bytes_of(Token token) const;
  bool ends_answer(Token token) const;

  bool has_chat_template() const;
  // The model's own jinja template, then tokens. unsupported without a template, invalid if it refuses the messages.
  Result<std::vector<Token>> render_chat(const std::vector<ChatMessage>& messages) const;

  std::uint32_t vocab_size() const;
  std::uint32_t context_length() const;  // what the model was trained for
  // False for models whose memory cannot be cut back to a prefix (recurrent, sliding window).
  bool can_reuse_prefix() const;
  // All weights are F32. Attention is then done in F32 too: F16 would move the logits in the third digit.
  bool is_full_precision() const;
  llama_model* handle() const { return model_; }

 private:
  struct Template;
  explicit Model(llama_model* model);
  llama_model* model_;
  const llama_vocab* vocab_;
  std::unique_ptr<Template> template_;
};

}  // namespace hearth::llm::infer
