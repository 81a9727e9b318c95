#include "wire/aws_chunked.h"

#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>

#include "base/text.h"

namespace hearth::wire {
namespace {

constexpr std::size_t line_bytes_max = 8 << 10;
constexpr std::uint64_t signed_chunk_bytes_max = 64 << 20;

Error incomplete(std::string message) {
  return Error::aws("IncompleteBody", 400, std::move(message));
}
Error invalid_chunk(std::string message) {
  return Error::aws("InvalidRequest", 400, std::move(message));
}
Error chunk_mismatch() {
  return Error::aws("SignatureDoesNotMatch", 403,
                    "The chunk signature we calculated does not match the signature you provided.");
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) { reset(); }
  ~Sha256() { EVP_MD_CTX_free(context_); }
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void reset() { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
  void update(std::string_view bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
  std::string hex() {
    std::string digest(32, '\0');
    EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(digest.data()), nullptr);
    return to_hex(digest);
  }

 private:
  EVP_MD_CTX* context_;
};

class ChunkedDecoder final : public ByteSource {
 public:
  ChunkedDecoder(std::unique_ptr<ByteSource> encoded, std::uint64_t decoded_length, ChunkSigning signing,
                 std::string announced)
      : encoded_(std::move(encoded)),
        left_(decoded_length),
        signing_(std::move(signing)),
        previous_signature_(signing_.seed_signature) {
    for (std::size_t at = 0; at < announced.size();) {
      const auto comma = std::min(announced.find(',', at), announced.size());
      std::string name = to_lower(announced.substr(at, comma - at));
      std::erase(name, ' ');
      if (!name.empty()) announced_.push_back(std::move(name));
      at = comma + 1;
    }
  }

  std::optional<std::uint64_t> remaining() const override { return left_; }
  std::vector<std::string> trailer_names() const override { return announced_; }
  std::optional<std::string> trailer(std::string_view name) const override {
    const auto it = trailers_.find(name);
    return it == trailers_.end() ? std::nullopt : std::optional(it->second);
  }

  Async<std::size_t> read(std::span<char> into) override {
    while (chunk_left_ == 0 && !ended_) CO_TRY_DO(co_await next_chunk());
    if (ended_) co_return std::size_t{0};
    std::size_t count = std::min<std::uint64_t>(into.size(), chunk_left_);
    if (buffered() > 0) {
      count = std::min(count, buffered());
      std::memcpy(into.data(), buffer_.data() + at_, count);
      at_ += count;
    } else {
      CO_TRY(count, co_await encoded_->read(into.first(count)));
      if (count == 0) co_return incomplete("The body ended inside a chunk.");
    }
    if (count > left_) co_return incomplete("The body is longer than x-amz-decoded-content-length.");
    if (is_signed()) hash_.update({into.data(), count});
    chunk_left_ -= count;
    left_ -= count;
    if (chunk_left_ == 0) CO_TRY_DO(co_await end_chunk());
    co_return count;
  }

 private:
  bool is_signed() const { return !signing_.key.empty(); }
  std::size_t buffered() const { return buffer_.size() - at_; }

  Async<void> fill() {
    if (at_ > 0) {
      buffer_.erase(0, at_);
      at_ = 0;
    }
    const std::size_t have = buffer_.size();
    buffer_.resize(have + 4096);
    CO_TRY(const std::size_t count, co_await encoded_->read({buffer_.data() + have, 4096}));
    buffer_.resize(have + count);
    if (count == 0) co_return incomplete("The body ended before its last chunk.");
    co_return ok;
  }
  Async<std::string> take_line() {
    std::size_t searched = 0;
    for (;;) {
      const auto end = buffer_.find("\r\n", at_ + searched);
      if (end != buffer_.npos) {
        std::string line = buffer_.substr(at_, end - at_);
        at_ = end + 2;
        co_return line;
      }
      if (buffered() > line_bytes_max) co_return invalid_chunk("A chunk header is too long.");
      searched = buffered() > 0 ? buffered() - 1 : 0;
      CO_TRY_DO(co_await fill());
    }
  }

  Async<void> next_chunk() {
    CO_TRY(const std::string line, co_await take_line());
    const auto semicolon = line.find(';');
    const std::string_view size_text = std::string_view(line).substr(0, semicolon);
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(size_text.data(), size_text.data() + size_text.size(), size, 16);
    if (error != std::errc() || end != size_text.data() + size_text.size())
      co_return invalid_chunk("A chunk size cannot be read.");
    if (is_signed()) {
      const auto at = line.find("chunk-signature=");
      if (at == line.npos) co_return invalid_chunk("A chunk has no chunk-signature.");
      if (size > signed_chunk_bytes_max) co_return invalid_chunk("A signed chunk is too large.");
      chunk_signature_ = line.substr(at + 16);
      hash_.reset();
    }
    if (size > left_) co_return incomplete("The body is longer than x-amz-decoded-content-length.");
    chunk_left_ = size;
    if (size > 0) co_return ok;
    // The last chunk: trailers, then the end.
    if (is_signed()) CO_TRY_DO(check_chunk_signature());
    CO_TRY_DO(co_await take_trailers());
    if (left_ > 0) co_return incomplete("The body is shorter than x-amz-decoded-content-length.");
    ended_ = true;
    co_return ok;
  }

  Async<void> end_chunk() {
    CO_TRY(const std::string line, co_await take_line());
    if (!line.empty()) co_return invalid_chunk("A chunk is longer than it said.");
    if (is_signed()) CO_TRY_DO(check_chunk_signature());
    co_return ok;
  }

  Result<void> check_chunk_signature() {
    static const std::string empty_hash = to_hex(sha256(""));
    const std::string text = "AWS4-HMAC-SHA256-PAYLOAD\n" + signing_.amz_date + "\n" + signing_.scope + "\n" +
                             previous_signature_ + "\n" + empty_hash + "\n" + hash_.hex();
    const std::string expected = to_hex(hmac_sha256(signing_.key, text));
    if (!equal_constant_time(expected, chunk_signature_)) return chunk_mismatch();
    previous_signature_ = expected;
    return ok;
  }

  Async<void> take_trailers() {
    std::string signed_text, signature;
    constexpr int trailer_count_max = 32;
    for (int i = 0; i < trailer_count_max; ++i) {
      // Without trailers some clients end the body right after "0\r\n".
      if (buffered() == 0 && encoded_->remaining() == 0) break;
      CO_TRY(const std::string line, co_await take_line());
      if (line.empty()) break;
      const auto colon = line.find(':');
      if (colon == line.npos) co_return invalid_chunk("A trailer has no name.");
      std::string name = to_lower(line.substr(0, colon)), value = line.substr(colon + 1);
      const auto first = value.find_first_not_of(" \t\n");
      const auto last = value.find_last_not_of(" \t\n");
      value = first == value.npos ? "" : value.substr(first, last - first + 1);
      if (name == "x-amz-trailer-signature") {
        signature = value;
        continue;
      }
      if (std::ranges::find(announced_, name) == announced_.end())
        co_return Error::aws("MalformedTrailerError", 400, "The trailer " + name + " is not named by x-amz-trailer.");
      signed_text += name + ":" + value + "\n";
      trailers_[name] = value;
    }
    if (is_signed() && !announced_.empty()) {
      const std::string text = "AWS4-HMAC-SHA256-TRAILER\n" + signing_.amz_date + "\n" + signing_.scope + "\n" +
                               previous_signature_ + "\n" + to_hex(sha256(signed_text));
      if (!equal_constant_time(to_hex(hmac_sha256(signing_.key, text)), signature)) co_return chunk_mismatch();
    }
    for (const std::string& name : announced_)
      if (!trailers_.contains(name))
        co_return Error::aws("MalformedTrailerError", 400, "The announced trailer " + name + " did not come.");
    co_return ok;
  }

  std::unique_ptr<ByteSource> encoded_;
  std::uint64_t left_;
  ChunkSigning signing_;
  std::string previous_signature_, chunk_signature_;
  std::vector<std::string> announced_;
  std::map<std::string, std::string, std::less<>> trailers_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t chunk_left_ = 0;
  Sha256 hash_;
  bool ended_ = false;
};

class Sha256Check final : public ByteSource {
 public:
  Sha256Check(std::unique_ptr<ByteSource> body, std::string expected)
      : body_(std::move(body)), expected_(std::move(expected)) {}
  std::optional<std::uint64_t> remaining() const override { return body_->remaining(); }
  Async<std::size_t> read(std::span<char> into) override {
    CO_TRY(const std::size_t count, co_await body_->read(into));
    if (count > 0) {
      hash_.update({into.data(), count});
    } else if (!checked_) {
      checked_ = true;
      if (hash_.hex() != expected_)
        co_return Error::aws("XAmzContentSHA256Mismatch", 400,
                             "The provided 'x-amz-content-sha256' header does not match what was computed.");
    }
    co_return count;
  }

 private:
  std::unique_ptr<ByteSource> body_;
  std::string expected_;
  Sha256 hash_;
  bool checked_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> decode_aws_chunked(std::unique_ptr<ByteSource> encoded, std::uint64_t decoded_length,
                                               ChunkSigning signing, std::string announced_trailers) {
  return std::make_unique<ChunkedDecoder>(std::move(encoded), decoded_length, std::move(signing),
                                          std::move(announced_trailers));
}

std::unique_ptr<ByteSource> check_sha256(std::unique_ptr<ByteSource> body, std::string expected_hex) {
  return std::make_unique<Sha256Check>(std::move(body), std::move(expected_hex));
}

Result<std::string> gunzip(std::string_view compressed, std::size_t limit_bytes) {
  z_stream stream{};
  constexpr int gzip_or_zlib = 15 + 32;
  if (inflateInit2(&stream, gzip_or_zlib) != Z_OK) return Error(ErrorKind::internal, "internal error", "inflateInit2");
  std::string out;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  int status = Z_OK;
  while (status == Z_OK && out.size() <= limit_bytes) {
    const std::size_t have = out.size();
    const std::size_t step = std::min<std::size_t>(64 << 10, limit_bytes + 1 - have);
    out.resize(have + step);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + have);
    stream.avail_out = static_cast<uInt>(step);
    status = inflate(&stream, Z_NO_FLUSH);
    out.resize(have + step - stream.avail_out);
    if (status == Z_OK && stream.avail_in == 0 && stream.avail_out > 0) break;  // cut off
  }
  inflateEnd(&stream);
  if (out.size() > limit_bytes) return Error(ErrorKind::invalid, "the body is too large once it is unpacked");
  if (status != Z_STREAM_END) return Error(ErrorKind::invalid, "the body is not valid gzip");
  return out;
}

}  // namespace hearth::wire
