// What one record of the write-ahead log says. Private to engines/telemetry.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ports/telemetry_store.h"

namespace hearth::telemetry {

std::string encode_samples(const std::vector<SeriesSample>& samples);
// Sequence numbers are not part of it; set_first_sequence() comes before the record is written.
std::string encode_events(std::string_view stream, const std::vector<LogEvent>& events);
void set_first_sequence(std::string& events_record, std::uint64_t first_sequence);

struct LogRecord {
  std::vector<SeriesSample> samples;  // of a record of samples
  std::string stream;                 // of a record of events
  std::vector<LogEvent> events;       // with their sequence numbers
};
// ErrorKind::corrupt if it was not written by the functions above.
Result<LogRecord> decode_record(std::string_view record);

}  // namespace hearth::telemetry
