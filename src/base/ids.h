// The only source of names and secrets. Safe from any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace hearth {

class IdSource {
 public:
  virtual ~IdSource() = default;
  // Fills `size_bytes` bytes; everything below is made of this.
  virtual std::string random_bytes(std::size_t size_bytes) = 0;

  std::string hex(std::size_t digits);          // "3fa9…"
  std::string uuid();                           // version 4
  std::string aws_id(std::string_view prefix);  // "i-" -> i-0123456789abcdef0 (17 hex digits)
  std::string upper_alnum(std::string_view prefix, std::size_t total_length);  // AKIA…: base32 letters and digits
  std::string secret(std::size_t length);                                      // [A-Za-z0-9+/]
};

// getrandom(2).
class SystemIds final : public IdSource {
 public:
  std::string random_bytes(std::size_t size_bytes) override;
};

// The same sequence every time, for tests. Never use where it could reach a user.
class SequenceIds final : public IdSource {
 public:
  std::string random_bytes(std::size_t size_bytes) override;

 private:
  std::mutex mutex_;
  std::uint64_t state_ = 0x9e3779b97f4a7c15;
};

}  // namespace hearth
