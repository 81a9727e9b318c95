#include "base/key.h"

namespace hearth {

// A part ends with 00 01. A zero byte inside a part becomes 00 FF, so it sorts after the end of a shorter part.
KeyBuilder& KeyBuilder::text(std::string_view part) {
  for (const char c : part) {
    bytes_ += c;
    if (c == '\0') bytes_ += '\xff';
  }
  bytes_ += '\0';
  bytes_ += '\x01';
  return *this;
}

KeyBuilder& KeyBuilder::number(std::uint64_t part) {
  for (int shift = 56; shift >= 0; shift -= 8) bytes_ += static_cast<char>(part >> shift);
  return *this;
}

KeyBuilder& KeyBuilder::number_descending(std::uint64_t part) {
  return number(~part);
}

std::string after_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

std::string KeyReader::take_text() {
  std::string part;
  std::size_t i = 0;
  while (i < rest_.size()) {
    const char c = rest_[i++];
    if (c != '\0') {
      part += c;
      continue;
    }
    const char mark = i < rest_.size() ? rest_[i++] : '\x01';
    if (mark == '\x01') break;
    part += '\0';
  }
  rest_.remove_prefix(i);
  return part;
}

std::uint64_t KeyReader::take_number() {
  std::uint64_t n = 0;
  for (int i = 0; i < 8 && !rest_.empty(); ++i) {
    n = n << 8 | static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
  }
  return n;
}

}  // namespace hearth
