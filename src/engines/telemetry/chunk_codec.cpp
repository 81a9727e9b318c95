#include "engines/telemetry/chunk_codec.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <memory>
#include <optional>

#include "engines/telemetry/binary.h"

namespace hearth::telemetry {
namespace {

// Inside the zstd frame: kind, count, then one column after the other.
enum class Kind : std::uint8_t {
  plain_samples = 1,  // one value each: sum, min and max are the same and count is 1
  sample_sets = 2,
  events = 3,
  decimal_samples = 4,  // plain, and every value is a whole number of some 10^-places
};

// Nothing we write grows beyond this; a damaged length must not make us allocate without bound.
constexpr std::uint64_t chunk_bytes_max = 1 << 28;

// Regular intervals become zeros: the change of the step from one timestamp to the next.
template <class Items, class TimeOf>
void put_times(std::string& bytes, const Items& items, TimeOf time_of) {
  std::int64_t last = 0, last_step = 0;
  for (const auto& item : items) {
    const std::int64_t time = time_of(item);
    const std::int64_t step = time - last;
    put_varint(bytes, zigzag(step - last_step));
    last = time;
    last_step = step;
  }
}

template <class Items, class Assign>
void take_times(BinaryReader& reader, Items& items, Assign assign) {
  std::int64_t last = 0, last_step = 0;
  for (auto& item : items) {
    last_step += unzigzag(reader.varint());
    last += last_step;
    assign(item, last);
  }
}

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

bool is_plain(const Sample& sample) {
  return sample.count == 1 && same_bits(sample.min, sample.sum) && same_bits(sample.max, sample.sum);
}

// Doubles near each other share their upper bytes: XOR with the one before leaves zeros there, and putting equal byte
// places together lets zstd see them.
void put_doubles(std::string& bytes, std::span<const Sample> samples, double Sample::* member) {
  const std::size_t start = bytes.size(), count = samples.size();
  bytes.resize(start + 8 * count);
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<std::uint64_t>(samples[i].*member);
    const std::uint64_t change = bits ^ last;
    for (std::size_t place = 0; place < 8; ++place)
      bytes[start + place * count + i] = static_cast<char>(change >> (8 * place));
    last = bits;
  }
}

void take_doubles(BinaryReader& reader, std::vector<Sample>& samples, double Sample::* member) {
  const std::size_t count = samples.size();
  const std::string_view bytes = reader.raw(8 * count);
  if (!reader.good()) return;
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t place = 0; place < 8; ++place)
      last ^= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[place * count + i])) << (8 * place);
    samples[i].*member = std::bit_cast<double>(last);
  }
}

// Most metrics are whole numbers or have a few decimals. As such they differ little from one to the next.
constexpr std::array<double, 7> powers_of_ten = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
constexpr double whole_number_max = 9007199254740992;  // 2^53: up to here doubles count one by one

// By the way through an integer, which negative zero does not survive.
bool is_decimal(double value, double scale) {
  const double scaled = std::round(value * scale);
  return std::fabs(scaled) <= whole_number_max &&
         same_bits(static_cast<double>(static_cast<std::int64_t>(scaled)) / scale, value);
}

// With how many decimal places every value is exact; nothing if there is no such number, or it is not small.
std::optional<std::uint8_t> decimal_places(std::span<const Sample> samples) {
  std::size_t places = 0;
  for (const Sample& sample : samples) {
    while (places < powers_of_ten.size() && !is_decimal(sample.sum, powers_of_ten[places])) ++places;
    if (places == powers_of_ten.size()) return std::nullopt;
  }
  // A value that is exact with few places need not be with more: rounding errors of the larger product.
  const auto is_exact = [&](const Sample& sample) { return is_decimal(sample.sum, powers_of_ten[places]); };
  if (!std::ranges::all_of(samples, is_exact)) return std::nullopt;
  return static_cast<std::uint8_t>(places);
}

void put_decimals(std::string& bytes, std::span<const Sample> samples, std::uint8_t places) {
  put_fixed(bytes, places);
  std::int64_t last = 0;
  for (const Sample& sample : samples) {
    const auto scaled = static_cast<std::int64_t>(std::round(sample.sum * powers_of_ten[places]));
    put_varint(bytes, zigzag(scaled - last));
    last = scaled;
  }
}

void take_decimals(BinaryReader& reader, std::vector<Sample>& samples) {
  const std::size_t places = std::min<std::size_t>(reader.fixed<std::uint8_t>(), powers_of_ten.size() - 1);
  std::int64_t last = 0;
  for (Sample& sample : samples) {
    last += unzigzag(reader.varint());
    sample.sum = static_cast<double>(last) / powers_of_ten[places];
  }
}

std::string compress(std::string_view columns) {
  constexpr int level = 3;
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string chunk(ZSTD_compressBound(columns.size()), '\0');
  chunk.resize(ZSTD_compress2(context.get(), chunk.data(), chunk.size(), columns.data(), columns.size()));
  return chunk;
}

Error damaged() {
  return Error(ErrorKind::corrupt, "a telemetry chunk does not decode");
}

Result<std::string> decompress(std::string_view chunk) {
  const unsigned long long size_bytes = ZSTD_getFrameContentSize(chunk.data(), chunk.size());
  // The two error values of zstd are the largest numbers there are.
  if (size_bytes > chunk_bytes_max) return damaged();
  std::string columns(size_bytes, '\0');
  const std::size_t n = ZSTD_decompress(columns.data(), columns.size(), chunk.data(), chunk.size());
  if (ZSTD_isError(n) || n != size_bytes) return damaged();
  return columns;
}

}  // namespace

std::string encode_sample_chunk(std::span<const Sample> samples) {
  const bool all_plain = std::ranges::all_of(samples, is_plain);
  const auto places = all_plain ? decimal_places(samples) : std::nullopt;
  std::string columns;
  put_fixed(columns, places ? Kind::decimal_samples : all_plain ? Kind::plain_samples : Kind::sample_sets);
  put_varint(columns, samples.size());
  put_times(columns, samples, [](const Sample& sample) { return sample.timestamp_ms; });
  if (places)
    put_decimals(columns, samples, *places);
  else
    put_doubles(columns, samples, &Sample::sum);
  if (!all_plain)
    for (const auto member : {&Sample::min, &Sample::max, &Sample::count}) put_doubles(columns, samples, member);
  return compress(columns);
}

std::string encode_event_chunk(std::span<const LogEvent> events) {
  std::string columns;
  put_fixed(columns, Kind::events);
  put_varint(columns, events.size());
  put_times(columns, events, [](const LogEvent& event) { return event.timestamp_ms; });
  put_times(columns, events, [](const LogEvent& event) { return event.ingestion_ms; });
  put_times(columns, events, [](const LogEvent& event) { return static_cast<std::int64_t>(event.sequence); });
  for (const LogEvent& event : events) put_varint(columns, event.message.size());
  for (const LogEvent& event : events) columns += event.message;
  return compress(columns);
}

Result<std::vector<Sample>> decode_sample_chunk(std::string_view chunk) {
  TRY(const std::string columns, decompress(chunk));
  BinaryReader reader(columns);
  const auto kind = reader.fixed<Kind>();
  const std::uint64_t count = reader.varint();
  const bool is_known = kind == Kind::plain_samples || kind == Kind::sample_sets || kind == Kind::decimal_samples;
  if (!is_known || count > columns.size()) return damaged();
  std::vector<Sample> samples(count);
  take_times(reader, samples, [](Sample& sample, std::int64_t time) { sample.timestamp_ms = time; });
  if (kind == Kind::decimal_samples)
    take_decimals(reader, samples);
  else
    take_doubles(reader, samples, &Sample::sum);
  if (kind == Kind::sample_sets)
    for (const auto member : {&Sample::min, &Sample::max, &Sample::count}) take_doubles(reader, samples, member);
  else
    for (Sample& sample : samples) sample.min = sample.max = sample.sum;
  if (!reader.good() || !reader.empty()) return damaged();
  return samples;
}

Result<std::vector<LogEvent>> decode_event_chunk(std::string_view chunk) {
  TRY(const std::string columns, decompress(chunk));
  BinaryReader reader(columns);
  const auto kind = reader.fixed<Kind>();
  const std::uint64_t count = reader.varint();
  if (kind != Kind::events || count > columns.size()) return damaged();
  std::vector<LogEvent> events(count);
  take_times(reader, events, [](LogEvent& event, std::int64_t time) { event.timestamp_ms = time; });
  take_times(reader, events, [](LogEvent& event, std::int64_t time) { event.ingestion_ms = time; });
  take_times(reader, events,
             [](LogEvent& event, std::int64_t number) { event.sequence = static_cast<std::uint64_t>(number); });
  std::vector<std::uint64_t> lengths(count);
  for (std::uint64_t& length : lengths) length = reader.varint();
  for (std::size_t i = 0; i < count; ++i) events[i].message = reader.raw(lengths[i]);
  if (!reader.good() || !reader.empty()) return damaged();
  return events;
}

}  // namespace hearth::telemetry
