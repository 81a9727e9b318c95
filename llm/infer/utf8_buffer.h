// Tokens are bytes; a character may be spread over several. Utf8Buffer lets only whole characters through.
#pragma once

#include <string>
#include <string_view>

namespace hearth::llm::infer {

class Utf8Buffer {
 public:
  // Adds bytes and returns the whole characters there are now. Bytes that can never become one come out as U+FFFD.
  std::string add(std::string_view bytes);
  // What is left at the end: nothing, or one U+FFFD for a character that was cut off.
  std::string finish();

 private:
  std::string pending_;  // the start of a character
};

}  // namespace hearth::llm::infer
