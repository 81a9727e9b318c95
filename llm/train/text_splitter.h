// Cuts text into the pieces inside which BPE merges, by the regular expression a tokenizer.json names.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace hearth::llm::train {

inline constexpr std::string_view gpt2_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class TextSplitter {
 public:
  explicit TextSplitter(std::string_view pattern);
  ~TextSplitter();
  // Every byte of `text` is in exactly one piece. Bytes that are not UTF-8 are pieces of their own.
  void split(std::string_view text, const std::function<void(std::string_view piece)>& take) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace hearth::llm::train
