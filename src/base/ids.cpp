#include "base/ids.h"

#include <sys/random.h>

#include <cstdlib>

#include "base/bytes.h"

namespace hearth {

std::string IdSource::hex(std::size_t digits) {
  std::string text = to_hex(random_bytes((digits + 1) / 2));
  text.resize(digits);
  return text;
}

std::string IdSource::uuid() {
  std::string raw = random_bytes(16);
  raw[6] = static_cast<char>((raw[6] & 0x0f) | 0x40);
  raw[8] = static_cast<char>((raw[8] & 0x3f) | 0x80);
  std::string text = to_hex(raw);
  for (const std::size_t at : {8, 13, 18, 23}) text.insert(at, 1, '-');
  return text;
}

std::string IdSource::aws_id(std::string_view prefix) {
  return std::string(prefix) + hex(17);
}

std::string IdSource::upper_alnum(std::string_view prefix, std::size_t total_length) {
  static constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string text(prefix);
  const std::string raw = random_bytes(total_length - prefix.size());
  for (const char c : raw) text += alphabet[static_cast<unsigned char>(c) & 31];
  return text;
}

std::string IdSource::secret(std::size_t length) {
  static constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (const char c : random_bytes(length)) text += alphabet[static_cast<unsigned char>(c) & 63];
  return text;
}

std::string SystemIds::random_bytes(std::size_t size_bytes) {
  std::string bytes(size_bytes, '\0');
  std::size_t done = 0;
  while (done < size_bytes) {
    const ssize_t n = getrandom(bytes.data() + done, size_bytes - done, 0);
    if (n < 0) std::abort();  // the kernel's own generator cannot fail with valid arguments
    done += static_cast<std::size_t>(n);
  }
  return bytes;
}

std::string SequenceIds::random_bytes(std::size_t size_bytes) {
  std::string bytes;
  while (bytes.size() < size_bytes) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    bytes.append(reinterpret_cast<const char*>(&state_), sizeof state_);
  }
  bytes.resize(size_bytes);
  return bytes;
}

}  // namespace hearth
