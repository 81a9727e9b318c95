// CRC-32C (Castagnoli), as in RFC 3720. Private to engines/telemetry.
#pragma once

#include <cstdint>
#include <string_view>

namespace hearth::telemetry {

std::uint32_t crc32c(std::string_view bytes);

}  // namespace hearth::telemetry
