#include "engines/telemetry/log_record.h"

#include <cstring>

#include "engines/telemetry/binary.h"

namespace hearth::telemetry {
namespace {

enum class Kind : std::uint8_t { samples = 1, events = 2 };
// An events record is its kind, then the first sequence number at this place, then the stream and its events.
constexpr std::size_t first_sequence_offset = 1;

void put_text(std::string& bytes, std::string_view text) {
  put_varint(bytes, text.size());
  bytes += text;
}

}  // namespace

std::string encode_samples(const std::vector<SeriesSample>& samples) {
  std::string record;
  put_fixed(record, Kind::samples);
  for (const auto& [series, sample] : samples) {
    put_text(record, series);
    put_fixed(record, sample.timestamp_ms);
    for (const double number : {sample.sum, sample.min, sample.max, sample.count}) put_fixed(record, number);
  }
  return record;
}

std::string encode_events(std::string_view stream, const std::vector<LogEvent>& events) {
  std::string record;
  put_fixed(record, Kind::events);
  put_fixed(record, std::uint64_t{0});
  put_text(record, stream);
  for (const LogEvent& event : events) {
    put_fixed(record, event.timestamp_ms);
    put_fixed(record, event.ingestion_ms);
    put_text(record, event.message);
  }
  return record;
}

void set_first_sequence(std::string& events_record, std::uint64_t first_sequence) {
  std::memcpy(events_record.data() + first_sequence_offset, &first_sequence, sizeof first_sequence);
}

Result<LogRecord> decode_record(std::string_view record) {
  LogRecord decoded;
  BinaryReader reader(record);
  const auto kind = reader.fixed<Kind>();
  if (kind == Kind::samples) {
    while (!reader.empty() && reader.good()) {
      SeriesSample& item = decoded.samples.emplace_back();
      item.series = reader.text();
      item.sample.timestamp_ms = reader.fixed<std::int64_t>();
      for (double* number : {&item.sample.sum, &item.sample.min, &item.sample.max, &item.sample.count})
        *number = reader.fixed<double>();
    }
  } else if (kind == Kind::events) {
    auto sequence = reader.fixed<std::uint64_t>();
    decoded.stream = reader.text();
    while (!reader.empty() && reader.good()) {
      LogEvent& event = decoded.events.emplace_back();
      event.timestamp_ms = reader.fixed<std::int64_t>();
      event.ingestion_ms = reader.fixed<std::int64_t>();
      event.message = reader.text();
      event.sequence = sequence++;
    }
  }
  if (!reader.good() || !reader.empty()) return Error(ErrorKind::corrupt, "a telemetry log record does not decode");
  return decoded;
}

}  // namespace hearth::telemetry
