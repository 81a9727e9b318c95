// A stretch of one series or one stream as columns, zstd-compressed with a checksum. Private to engines/telemetry.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ports/telemetry_store.h"

namespace hearth::telemetry {

// Both keep the order they are given; sorted input compresses best.
std::string encode_sample_chunk(std::span<const Sample> samples);
std::string encode_event_chunk(std::span<const LogEvent> events);

// ErrorKind::corrupt if the bytes are not a chunk of that kind.
Result<std::vector<Sample>> decode_sample_chunk(std::string_view chunk);
Result<std::vector<LogEvent>> decode_event_chunk(std::string_view chunk);

}  // namespace hearth::telemetry
