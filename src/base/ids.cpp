#include "base/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>

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
  static constexpr char digits[] = "0123456789abcdef";
  std::string text(36, '-');
  std::size_t at = 0;
  for (const unsigned char byte : raw) {
    if (at == 8 || at == 13 || at == 18 || at == 23) ++at;
    text[at++] = digits[byte >> 4];
    text[at++] = digits[byte & 15];
  }
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

namespace {

void fill_at_random(std::span<char> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = getrandom(bytes.data(), bytes.size(), 0);
    if (n < 0) std::abort();  // the kernel's own generator cannot fail with valid arguments
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

// What one system call gives is enough for some names. Each byte is handed out once and then forgotten.
class Pool {
 public:
  static constexpr std::size_t bytes_max = 512;

  void take(std::span<char> into) {
    if (left_ < into.size()) {
      fill_at_random(bytes_);
      left_ = bytes_.size();
    }
    left_ -= into.size();
    std::copy_n(bytes_.data() + left_, into.size(), into.data());
    std::fill_n(bytes_.data() + left_, into.size(), '\0');
  }

 private:
  std::array<char, bytes_max> bytes_{};
  std::size_t left_ = 0;
};

}  // namespace

std::string SystemIds::random_bytes(std::size_t size_bytes) {
  std::string bytes(size_bytes, '\0');
  thread_local Pool pool;
  if (size_bytes <= 16)
    pool.take(bytes);
  else
    fill_at_random(bytes);
  return bytes;
}

std::string SequenceIds::random_bytes(std::size_t size_bytes) {
  std::lock_guard lock(mutex_);
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
