// Small operations on text that many rooms need. Part of base: anyone may include it.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace hearth {

// Of ASCII letters; every other byte is what it is. Here, because comparing header names is on every request's path.
constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return to_lower(x) == to_lower(y); });
}
std::string to_lower(std::string_view text);

// One word of a POSIX shell command, whatever is in it: 'it'\''s'.
std::string shell_quoted(std::string_view text);

}  // namespace hearth
