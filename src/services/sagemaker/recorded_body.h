// Bodies of model calls as records keep them: bounded, and UTF-8 whatever the client or the model sent.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "services/sagemaker/rows.h"

namespace hearth::sagemaker {

inline constexpr std::size_t recorded_body_bytes_max = 256 << 10;

bool is_utf8(std::string_view bytes);
// The longest front of `bytes` that has at most `size_bytes_max` bytes and does not end inside a character.
std::string_view whole_characters(std::string_view bytes, std::size_t size_bytes_max);
// Text as it is, anything else in base64. At most recorded_body_bytes_max bytes of it.
RecordedBody record_body(std::string_view content_type, std::string_view bytes);

}  // namespace hearth::sagemaker
