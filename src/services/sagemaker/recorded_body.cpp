#include "services/sagemaker/recorded_body.h"

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"

namespace hearth::sagemaker {
namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// How many bytes the character at the front has; 0: it is none. https://www.rfc-editor.org/rfc/rfc3629
std::size_t character_length(std::string_view bytes) {
  const auto first = static_cast<unsigned char>(bytes[0]);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes.size() < length) return 0;
  if (!std::ranges::all_of(bytes.substr(1, length - 1), is_continuation)) return 0;
  const auto second = static_cast<unsigned char>(bytes[1]);
  const bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool is_surrogate = first == 0xed && second > 0x9f;
  const bool is_too_large = first == 0xf4 && second > 0x8f;
  return is_overlong || is_surrogate || is_too_large ? 0 : length;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = character_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string_view whole_characters(std::string_view bytes, std::size_t size_bytes_max) {
  if (bytes.size() <= size_bytes_max) return bytes;
  std::size_t end = size_bytes_max;
  constexpr std::size_t continuations_max = 3;
  for (std::size_t back = 0; back < continuations_max && end > 0 && is_continuation(bytes[end]); ++back) --end;
  return bytes.substr(0, is_continuation(bytes[end]) ? size_bytes_max : end);
}

RecordedBody record_body(std::string_view content_type, std::string_view bytes) {
  RecordedBody body;
  body.content_type = is_utf8(content_type) ? content_type : "";
  const std::string_view kept = whole_characters(bytes, recorded_body_bytes_max);
  body.is_base64 = !is_utf8(kept);
  body.data = body.is_base64 ? to_base64(kept) : std::string(kept);
  return body;
}

}  // namespace hearth::sagemaker
