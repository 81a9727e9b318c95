// Bytes: streams of them, text forms of them, digests of them. Part of base: anyone may include it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"

namespace hearth {

// Both ends included, as in an HTTP Range.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t length() const { return last - first + 1; }
};

// A stretch of an open local file, for sendfile(2). The source that gave it keeps the descriptor open.
struct FileSlice {
  int fd = -1;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

// A stream of bytes, read once, front to back, by one reader at a time.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills the front of `into` (not empty) and says how many bytes; 0 is the end. After an error nothing more is read.
  virtual Async<std::size_t> read(std::span<char> into) = 0;
  // Bytes still to come, if known.
  virtual std::optional<std::uint64_t> remaining() const { return std::nullopt; }
  // Set where what is given lies in whole blocks of the source's own, for a reader that only passes them on:
  // next_block() instead of read(), never both, saves it a copy. A block begins at a multiple of block_alignment and is
  // valid until the next call; all but the last are as long as a multiple of it. Empty: the end.
  static constexpr std::size_t block_alignment = 4096;
  virtual bool lends_blocks() const { return false; }
  virtual Async<std::span<const char>> next_block();
  // Set while all that is left lies in one local file; a reader that sends the slice itself must not call read().
  virtual std::optional<FileSlice> file_slice() const { return std::nullopt; }
  // How much of a slice, from its start on, can be sent without a wait for the disk; at least one byte, which this
  // waits for where that holds up nobody else.
  virtual Async<std::uint64_t> fetch(FileSlice slice);
  // Fields the sender appends after the end (the trailer of an aws-chunked body), names in lower case: which ones it
  // announced, known from the start, and their values, known once read() has said that the end is reached.
  virtual std::vector<std::string> trailer_names() const { return {}; }
  virtual std::optional<std::string> trailer(std::string_view name) const {
    (void)name;
    return std::nullopt;
  }
};

class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
  Async<std::size_t> read(std::span<char> into) override;
  std::optional<std::uint64_t> remaining() const override { return bytes_.size() - at_; }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

// Reads to the end. ErrorKind::invalid if there are more than `limit_bytes`.
Async<std::string> read_all(ByteSource& source, std::size_t limit_bytes);

std::string to_hex(std::string_view bytes);  // lower case
std::optional<std::string> from_hex(std::string_view text);
std::string to_base64(std::string_view bytes);                  // RFC 4648 with padding
std::optional<std::string> from_base64(std::string_view text);  // strict: no line breaks, padding needed

std::string sha256(std::string_view bytes);  // 32 raw bytes
std::string sha1(std::string_view bytes);
std::string md5(std::string_view bytes);
std::string hmac_sha256(std::string_view key, std::string_view bytes);
// In time that does not depend on where they differ.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace hearth
