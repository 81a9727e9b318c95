#include "services/s3/incoming_body.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include "api/s3/errors.h"
#include "services/s3/names.h"

namespace hearth::s3 {
namespace {

namespace errors = api::s3::errors;

// The digests of a stream. Short pieces are hashed at once, whole blocks on the pool while the next one is read and
// this one stored.
class Digests {
 public:
  Digests(Executor& pool, ChecksumAlgorithm algorithm, ChecksumAlgorithm also)
      : pool_(pool), md5_(start_md5()), checksum_(start_checksum(algorithm)) {
    if (also != ChecksumAlgorithm::none) also_ = start_checksum(also);
  }
  // A request that was given up must not leave a block behind on the pool.
  ~Digests() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return !is_hashing_; });
  }

  // In steps that stay in the cache from one digest to the next.
  void update(std::span<const char> bytes) {
    constexpr std::size_t step_bytes = 64 << 10;
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(step_bytes, bytes.size()))) {
      const auto step = bytes.first(std::min(step_bytes, bytes.size()));
      md5_->update(step);
      checksum_->update(step);
      if (also_) also_->update(step);
    }
  }

  // Returns once the block before is hashed. `block` must stay as it is until then itself.
  Async<void> begin(std::span<const char> block) {
    CO_TRY_DO(co_await wait());
    if (!Executor::current()) {
      update(block);
      co_return ok;
    }
    is_hashing_ = true;
    pool_.post([this, block] {
      update(block);
      std::move_only_function<void()> resume;
      {
        std::lock_guard lock(mutex_);
        is_hashing_ = false;
        resume = std::move(waiting_);
        ended_.notify_all();
      }
      if (resume) resume();
    });
    co_return ok;
  }

  Async<void> finish() {
    CO_TRY_DO(co_await wait());
    md5_digest = md5_->finish();
    checksum_digest = checksum_->finish();
    if (also_) also_digest = also_->finish();
    co_return ok;
  }

  std::string md5_digest;
  std::string checksum_digest;
  std::string also_digest;

 private:
  Async<void> wait() {
    if (!is_busy()) co_return ok;
    co_await suspend([this](auto resume) {
      {
        std::lock_guard lock(mutex_);
        if (is_hashing_) {
          waiting_ = std::move(resume);
          return;
        }
      }
      resume();
    });
    co_return ok;
  }

  bool is_busy() {
    std::lock_guard lock(mutex_);
    return is_hashing_;
  }

  Executor& pool_;
  std::unique_ptr<RunningDigest> md5_;
  std::unique_ptr<RunningDigest> checksum_;
  std::unique_ptr<RunningDigest> also_;  // null: not asked for
  std::mutex mutex_;
  std::condition_variable ended_;
  bool is_hashing_ = false;
  std::move_only_function<void()> waiting_;
};

// Memory for a part of a body, as disks want it.
class Block {
 public:
  // Room for what is to come, or a good part of it.
  std::span<char> room_for(std::optional<std::uint64_t> remaining_bytes) {
    constexpr std::size_t size_bytes_max = 1 << 20, alignment = ByteSource::block_alignment;
    if (!bytes_) {
      const auto wanted = std::min<std::uint64_t>(remaining_bytes.value_or(size_bytes_max), size_bytes_max);
      size_bytes_ = std::max((static_cast<std::size_t>(wanted) + alignment - 1) / alignment * alignment, alignment);
      bytes_.reset(static_cast<char*>(std::aligned_alloc(alignment, size_bytes_)));
      if (!bytes_) throw std::bad_alloc();  // as any other allocation: this request fails, with an internal error
    }
    return {bytes_.get(), size_bytes_};
  }

 private:
  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<char, Free> bytes_;
  std::size_t size_bytes_ = 0;
};

Result<std::string> decode_checksum(ChecksumAlgorithm algorithm, std::string_view base64) {
  const std::optional<std::string> digest = from_base64(base64);
  if (!digest || digest->size() != digest_size(algorithm))
    return errors::invalid_request("Value for " + checksum_header(algorithm) + " header is invalid.");
  return *digest;
}

// The body as its sender meant it: the last read fails if the bytes are not what was claimed, so that whoever stores
// them keeps nothing.
class VerifiedSource final : public ByteSource {
 public:
  VerifiedSource(ByteSource& body, Executor& pool, BodyClaims claims)
      : body_(body), claims_(std::move(claims)), digests_(pool, claims_.algorithm, claims_.also) {}

  Async<std::size_t> read(std::span<char> into) override {
    CO_TRY(const std::size_t n, co_await body_.read(into));
    if (n == 0) {
      CO_TRY_DO(co_await verify());
      co_return n;
    }
    CO_TRY_DO(count(n));
    digests_.update(into.first(n));
    co_return n;
  }

  // One block is filled while the other is hashed.
  bool lends_blocks() const override { return true; }
  Async<std::span<const char>> next_block() override {
    turn_ = 1 - turn_;
    const std::span<char> block = blocks_[turn_].room_for(body_.remaining());
    std::size_t filled = 0;
    while (filled < block.size()) {
      CO_TRY(const std::size_t n, co_await body_.read(block.subspan(filled)));
      if (n == 0) break;
      filled += n;
    }
    if (filled == 0) {
      CO_TRY_DO(co_await verify());
      co_return std::span<const char>();
    }
    CO_TRY_DO(count(filled));
    CO_TRY_DO(co_await digests_.begin(block.first(filled)));
    co_return std::span<const char>(block.first(filled));
  }
  std::optional<std::uint64_t> remaining() const override { return body_.remaining(); }

  static Error too_large() {
    return errors::entity_too_large().with_field("MaxSizeAllowed", std::to_string(put_bytes_max));
  }
  std::uint64_t size_bytes() const { return size_bytes_; }
  const std::string& md5() const { return digests_.md5_digest; }
  const std::string& checksum() const { return digests_.checksum_digest; }
  const std::string& also() const { return digests_.also_digest; }

 private:
  Result<void> count(std::size_t more_bytes) {
    size_bytes_ += more_bytes;
    if (size_bytes_ > put_bytes_max) return too_large();
    return ok;
  }

  Async<void> verify() {
    if (is_verified_) co_return ok;
    is_verified_ = true;
    CO_TRY_DO(co_await digests_.finish());
    if (claims_.md5 && *claims_.md5 != md5())
      co_return errors::bad_digest("The Content-MD5 you specified did not match what we received.")
          .with_field("ExpectedDigest", to_base64(*claims_.md5))
          .with_field("CalculatedDigest", to_base64(md5()));
    std::optional<std::string> claimed = claims_.checksum;
    if (!claimed) claimed = body_.trailer(checksum_header(claims_.algorithm));
    if (!claimed) co_return ok;
    CO_TRY(const std::string digest, decode_checksum(claims_.algorithm, *claimed));
    if (digest != checksum())
      co_return errors::bad_digest("The " + std::string(to_string(claims_.algorithm)) +
                                   " you specified did not match the calculated checksum.");
    co_return ok;
  }

  ByteSource& body_;
  BodyClaims claims_;
  std::array<Block, 2> blocks_;
  std::size_t turn_ = 0;
  Digests digests_;  // last: its destructor waits until no block is being read
  std::uint64_t size_bytes_ = 0;
  bool is_verified_ = false;
};

// Bytes that were read already, then the rest. It lends no blocks: what it begins with lies elsewhere.
class PrefixedSource final : public ByteSource {
 public:
  PrefixedSource(std::string_view prefix, ByteSource& rest) : prefix_(prefix), rest_(rest) {}

  Async<std::size_t> read(std::span<char> into) override {
    if (prefix_.empty()) co_return co_await rest_.read(into);
    const std::size_t n = std::min(into.size(), prefix_.size());
    std::memcpy(into.data(), prefix_.data(), n);
    prefix_.remove_prefix(n);
    co_return n;
  }
  std::optional<std::uint64_t> remaining() const override {
    const std::optional<std::uint64_t> rest = rest_.remaining();
    return rest ? std::optional(*rest + prefix_.size()) : std::nullopt;
  }

 private:
  std::string_view prefix_;
  ByteSource& rest_;
};

}  // namespace

Async<IncomingBody> take_in(BlobStore& blobs, Executor& pool, ByteSource& body, BodyClaims claims,
                            std::size_t inline_limit) {
  if (body.remaining().value_or(0) > put_bytes_max) co_return VerifiedSource::too_large();
  // A claim that can never hold is refused before a byte is read.
  if (claims.checksum) CO_TRY_DO(decode_checksum(claims.algorithm, *claims.checksum));

  const bool is_large = body.remaining().value_or(0) > inline_limit;
  VerifiedSource verified(body, pool, std::move(claims));
  IncomingBody incoming;
  std::optional<PrefixedSource> whole;
  if (!is_large) {
    // One byte more than may stay inline tells the two kinds apart when the length is not known.
    const std::uint64_t expected_bytes = body.remaining().value_or(inline_limit);
    incoming.bytes.resize(std::min<std::uint64_t>(expected_bytes, inline_limit) + 1);
    std::size_t head_bytes = 0;
    std::size_t n = 1;
    while (n > 0 && head_bytes < incoming.bytes.size()) {
      CO_TRY(n, co_await verified.read({incoming.bytes.data() + head_bytes, incoming.bytes.size() - head_bytes}));
      head_bytes += n;
    }
    incoming.bytes.resize(head_bytes);
    if (n > 0) whole.emplace(incoming.bytes, verified);
  }
  if (is_large || whole) {
    ByteSource& source = whole ? static_cast<ByteSource&>(*whole) : verified;
    Result<BlobInfo> stored = co_await blobs.put(source);
    if (!stored) co_return to_s3_error(std::move(stored).error());
    incoming.blob = std::move(stored->id);
    incoming.bytes.clear();
    incoming.bytes.shrink_to_fit();
  }
  incoming.size_bytes = verified.size_bytes();
  incoming.md5 = verified.md5();
  incoming.checksum = verified.checksum();
  incoming.also = verified.also();
  co_return incoming;
}

}  // namespace hearth::s3
