// Byte-level BPE, as GPT-2 and LLaMA 3 use it: text to token ids and back, any bytes included. Reads and writes Hugging
// Face's tokenizer.json. Splits text before merging as the file says, so ids agree with llama.cpp's for the same file.
// Not safe from several threads (encode() remembers words).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hearth::llm::train {

using TokenId = std::int32_t;

class TextSplitter;

class Tokenizer {
 public:
  // Learns merges from `text` until there are `vocab_size` tokens, specials included; fewer if the text is too small.
  static Tokenizer learn(std::string_view text, std::size_t vocab_size);
  // Fails on tokenizers of other kinds (SentencePiece, WordPiece).
  static Tokenizer from_json(std::string_view tokenizer_json);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;

  // Text that spells a special token is ordinary text here.
  std::vector<TokenId> encode(std::string_view text);
  std::string decode(const std::vector<TokenId>& ids) const;
  // The id of an added token such as "<|im_end|>".
  std::optional<TokenId> special(std::string_view content) const;
  std::size_t vocab_size() const { return tokens_.size(); }

  std::string to_json() const;

 private:
  Tokenizer();
  void encode_from(std::size_t splitter, std::string_view text, std::vector<TokenId>& out);
  void encode_word(std::string_view piece, std::vector<TokenId>& out);
  void encode_piece(std::string_view piece, std::vector<TokenId>& out);
  void add_merge(TokenId left, TokenId right, TokenId merged);

  struct Merge {
    std::uint32_t rank;
    TokenId merged;
  };
  std::vector<std::unique_ptr<TextSplitter>> splitters_;  // one after the other, each within the former's pieces
  std::string source_json_;                               // what it was read from: written back as it is
  std::vector<std::string> tokens_;
  std::vector<std::pair<TokenId, TokenId>> merge_list_;
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::map<std::string, TokenId, std::less<>> specials_;
  std::vector<TokenId> byte_ids_;
  bool ignores_merges_ = false;
  std::unordered_map<std::string, TokenId> whole_words_;  // only when it ignores merges
  std::unordered_map<std::string, std::vector<TokenId>> remembered_;
};

// The special tokens of tokenizers we learn, and their tokenizer_config.json with a ChatML template.
inline constexpr std::string_view text_begin_token = "<|begin_of_text|>";
inline constexpr std::string_view text_end_token = "<|end_of_text|>";
inline constexpr std::string_view turn_begin_token = "<|im_start|>";
inline constexpr std::string_view turn_end_token = "<|im_end|>";
std::string chatml_tokenizer_config();

}  // namespace hearth::llm::train
