#include "engines/memory/blob_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace hearth {
namespace {

class SharedStringSource final : public ByteSource {
 public:
  SharedStringSource(std::shared_ptr<const std::string> bytes, ByteRange range)
      : bytes_(std::move(bytes)), at_(range.first), left_(range.length()) {}

  Async<std::size_t> read(std::span<char> into) override {
    const std::size_t n = std::min<std::size_t>(into.size(), left_);
    std::memcpy(into.data(), bytes_->data() + at_, n);
    at_ += n;
    left_ -= n;
    co_return n;
  }
  std::optional<std::uint64_t> remaining() const override { return left_; }

 private:
  std::shared_ptr<const std::string> bytes_;
  std::uint64_t at_;
  std::uint64_t left_;
};

Async<std::string> read_to_end(ByteSource& body) {
  std::string bytes;
  while (body.lends_blocks()) {
    CO_TRY(const std::span<const char> block, co_await body.next_block());
    if (block.empty()) co_return bytes;
    bytes.append(block.data(), block.size());
  }
  constexpr std::size_t step_bytes = 256 << 10;
  for (;;) {
    const std::size_t have = bytes.size();
    bytes.resize(have + step_bytes);
    CO_TRY(const std::size_t n, co_await body.read({bytes.data() + have, step_bytes}));
    bytes.resize(have + n);
    if (n == 0) co_return bytes;
  }
}

}  // namespace

Async<BlobInfo> MemoryBlobStore::put(ByteSource& body) {
  CO_TRY(std::string bytes, co_await read_to_end(body));
  bytes.shrink_to_fit();
  std::lock_guard lock(mutex_);
  BlobInfo info{.id = {fmt::format("{:016x}", next_id_++)}, .size_bytes = bytes.size()};
  blobs_.emplace(info.id, Blob{std::make_shared<const std::string>(std::move(bytes)), clock_.now()});
  co_return info;
}

Async<std::unique_ptr<ByteSource>> MemoryBlobStore::open(const BlobId& id, ByteRange range) {
  std::lock_guard lock(mutex_);
  const auto blob = blobs_.find(id);
  if (blob == blobs_.end()) co_return Error(ErrorKind::not_found, "no such blob");
  if (range.first > range.last || range.last >= blob->second.bytes->size())
    co_return Error(ErrorKind::invalid, "the range is outside of the blob");
  co_return std::make_unique<SharedStringSource>(blob->second.bytes, range);
}

Async<void> MemoryBlobStore::remove(const BlobId& id) {
  std::lock_guard lock(mutex_);
  blobs_.erase(id);
  co_return ok;
}

Async<std::vector<BlobInfo>> MemoryBlobStore::list(const BlobId& after, TimePoint before, std::size_t limit) {
  std::lock_guard lock(mutex_);
  std::vector<BlobInfo> found;
  for (auto it = blobs_.upper_bound(after); it != blobs_.end() && found.size() < limit; ++it)
    if (it->second.put_at < before) found.push_back({it->first, it->second.bytes->size()});
  co_return found;
}

Async<void> MemoryBlobStore::clear() {
  std::lock_guard lock(mutex_);
  blobs_.clear();
  co_return ok;
}

}  // namespace hearth
