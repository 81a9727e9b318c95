// Numbers as bytes: fixed little-endian and LEB128 varints. Private to engines/telemetry.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace hearth::telemetry {

static_assert(std::endian::native == std::endian::little, "fixed-size numbers are stored as they lie in memory");

template <class Number>
void put_fixed(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

inline void put_varint(std::string& bytes, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>(number | 0x80);
  bytes += static_cast<char>(number);
}

// Small magnitudes of either sign become small numbers.
inline std::uint64_t zigzag(std::int64_t number) {
  return static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63);
}
inline std::int64_t unzigzag(std::uint64_t number) {
  return static_cast<std::int64_t>(number >> 1) ^ -static_cast<std::int64_t>(number & 1);
}

// Reads front to back; after the first value that is not there, good() is false and all values are zero or empty.
class BinaryReader {
 public:
  explicit BinaryReader(std::string_view bytes) : rest_(bytes) {}

  template <class Number>
  Number fixed() {
    Number number{};
    const std::string_view bytes = raw(sizeof number);
    if (good_) std::memcpy(&number, bytes.data(), sizeof number);
    return number;
  }
  std::uint64_t varint() {
    std::uint64_t number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::string_view byte = raw(1);
      if (!good_) return 0;
      number |= static_cast<std::uint64_t>(byte.front() & 0x7f) << shift;
      if (!(byte.front() & 0x80)) return number;
    }
    good_ = false;
    return 0;
  }
  std::string_view raw(std::uint64_t size_bytes) {
    if (!good_ || size_bytes > rest_.size()) {
      good_ = false;
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size_bytes);
    rest_.remove_prefix(size_bytes);
    return bytes;
  }
  std::string_view text() { return raw(varint()); }

  bool good() const { return good_; }
  bool empty() const { return rest_.empty(); }
  std::size_t size_bytes() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace hearth::telemetry
