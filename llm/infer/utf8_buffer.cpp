#include "llm/infer/utf8_buffer.h"

#include <cstdint>

namespace hearth::llm::infer {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

enum class Verdict : std::uint8_t { whole, unfinished, broken };
struct Character {
  Verdict verdict;
  std::size_t length;  // of the character, or of the broken bytes before the next possible start
};

// The first character of `bytes` (not empty), by the table of well-formed sequences in the Unicode standard (3-7).
Character first_character(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const std::uint8_t lead = at(0);
  if (lead < 0x80) return {Verdict::whole, 1};
  const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                             : (lead & 0xF0) == 0xE0        ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (length == 0) return {Verdict::broken, 1};
  for (std::size_t i = 1; i < length; ++i) {
    if (i == bytes.size()) return {Verdict::unfinished, i};
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xBF;
    if (i == 1 && lead == 0xE0) low = 0xA0;   // shorter forms exist
    if (i == 1 && lead == 0xED) high = 0x9F;  // surrogates
    if (i == 1 && lead == 0xF0) low = 0x90;
    if (i == 1 && lead == 0xF4) high = 0x8F;  // beyond U+10FFFF
    if (at(i) < low || at(i) > high) return {Verdict::broken, i};
  }
  return {Verdict::whole, length};
}

}  // namespace

std::string Utf8Buffer::add(std::string_view bytes) {
  pending_ += bytes;
  std::string_view rest = pending_;
  std::string whole;
  while (!rest.empty()) {
    const Character character = first_character(rest);
    if (character.verdict == Verdict::unfinished) break;
    whole += character.verdict == Verdict::whole ? rest.substr(0, character.length) : replacement;
    rest.remove_prefix(character.length);
  }
  pending_ = std::string(rest);
  return whole;
}

std::string Utf8Buffer::finish() {
  if (pending_.empty()) return {};
  pending_.clear();
  return std::string(replacement);
}

}  // namespace hearth::llm::infer
