// Any bytes as an aws-chunked or gzip'd body. How the bytes arrive must not matter: read in one piece or byte by byte,
// the same comes out. Input: one byte of choices, one with the promised length, then the body.
#include <cstdint>
#include <cstdlib>

#include "wire/aws_chunked.h"

using namespace hearth;

namespace {

// Hands out at most `piece_bytes` at once and does not say how many are left.
class SlowSource final : public ByteSource {
 public:
  SlowSource(std::string_view bytes, std::size_t piece_bytes) : bytes_(bytes), piece_bytes_(piece_bytes) {}
  Async<std::size_t> read(std::span<char> into) override {
    const std::size_t count = std::min({into.size(), piece_bytes_, bytes_.size()});
    std::copy_n(bytes_.data(), count, into.data());
    bytes_.remove_prefix(count);
    co_return count;
  }
  std::optional<std::uint64_t> remaining() const override { return bytes_.size(); }

 private:
  std::string_view bytes_;
  std::size_t piece_bytes_;
};

struct Outcome {
  std::string bytes, code;
  std::optional<std::string> trailer;
  bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string_view body, std::uint64_t length, const wire::ChunkSigning& signing,
               const std::string& trailers, std::size_t piece_bytes) {
  const auto decoder =
      wire::decode_aws_chunked(std::make_unique<SlowSource>(body, piece_bytes), length, signing, trailers);
  Outcome outcome;
  const Result<std::string> bytes = sync_wait(read_all(*decoder, 1 << 20));
  if (bytes) {
    outcome.bytes = *bytes;
    outcome.trailer = decoder->trailer("x-amz-checksum-crc32");
    if (bytes->size() != length) std::abort();  // the promise was kept or broken, never stretched
  } else {
    outcome.code = bytes.error().code();
    if (outcome.code.empty()) std::abort();
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::uint8_t choices = data[0];
  if (choices & 4) {
    const Result<std::string> whole = wire::gunzip(body, 64 << 10);
    if (whole && whole->size() > (64 << 10)) std::abort();
    return 0;
  }
  wire::ChunkSigning signing;
  if (choices & 1) signing = {"key", std::string(64, '0'), "20150830T123600Z", "20150830/us-east-1/s3/aws4_request"};
  const std::string trailers = choices & 2 ? "x-amz-checksum-crc32" : "";
  const Outcome at_once = decode(body, data[1], signing, trailers, 64 << 10);
  const Outcome by_bytes = decode(body, data[1], signing, trailers, 1);
  if (at_once != by_bytes) std::abort();
  return 0;
}
