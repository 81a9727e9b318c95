#define PCRE2_CODE_UNIT_WIDTH 8
#include "llm/train/text_splitter.h"

#include <pcre2.h>

#include "llm/common/failure.h"

namespace hearth::llm::train {

struct TextSplitter::Compiled {
  pcre2_code* code = nullptr;
  pcre2_match_data* match = nullptr;
  ~Compiled() {
    pcre2_match_data_free(match);
    pcre2_code_free(code);
  }
};

TextSplitter::TextSplitter(std::string_view pattern) : compiled_(std::make_unique<Compiled>()) {
  int error = 0;
  PCRE2_SIZE error_at = 0;
  compiled_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &error, &error_at, nullptr);
  if (!compiled_->code)
    fail(FailureKind::input, "tokenizer.json: its splitting pattern cannot be used (at character {})", error_at);
  pcre2_jit_compile(compiled_->code, PCRE2_JIT_COMPLETE);  // slower but right where there is no JIT
  compiled_->match = pcre2_match_data_create_from_pattern(compiled_->code, nullptr);
}

TextSplitter::~TextSplitter() = default;

void TextSplitter::split(std::string_view text, const std::function<void(std::string_view)>& take) const {
  std::size_t at = 0;
  while (at < text.size()) {
    const int found = pcre2_match(compiled_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, 0,
                                  compiled_->match, nullptr);
    if (found < 0) break;
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(compiled_->match);
    if (ends[1] == ends[0]) break;
    if (ends[0] > at) take(text.substr(at, ends[0] - at));
    take(text.substr(ends[0], ends[1] - ends[0]));
    at = ends[1];
  }
  if (at < text.size()) take(text.substr(at));
}

}  // namespace hearth::llm::train
