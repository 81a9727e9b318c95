#include "services/s3/stored_body.h"

#include <algorithm>
#include <deque>

namespace hearth::s3 {
namespace {

struct Piece {
  BlobId blob;
  ByteRange range;
};

class PiecesSource final : public ByteSource {
 public:
  PiecesSource(BlobStore& blobs, std::deque<Piece> pieces, std::unique_ptr<ByteSource> first)
      : blobs_(blobs), pieces_(std::move(pieces)), current_(std::move(first)) {
    for (const Piece& piece : pieces_) later_bytes_ += piece.range.length();
  }

  Async<std::size_t> read(std::span<char> into) override {
    for (;;) {
      CO_TRY(const std::size_t n, co_await current_->read(into));
      if (n > 0 || pieces_.empty()) co_return n;
      CO_TRY(current_, co_await blobs_.open(pieces_.front().blob, pieces_.front().range));
      later_bytes_ -= pieces_.front().range.length();
      pieces_.pop_front();
    }
  }
  std::optional<std::uint64_t> remaining() const override { return later_bytes_ + current_->remaining().value_or(0); }
  std::optional<FileSlice> file_slice() const override {
    return pieces_.empty() ? current_->file_slice() : std::nullopt;
  }
  Async<std::uint64_t> fetch(FileSlice slice) override { return current_->fetch(slice); }

 private:
  BlobStore& blobs_;
  std::deque<Piece> pieces_;  // after the current one
  std::unique_ptr<ByteSource> current_;
  std::uint64_t later_bytes_ = 0;
};

}  // namespace

Async<std::unique_ptr<ByteSource>> open_parts(BlobStore& blobs, std::vector<PartContent> parts, ByteRange range) {
  std::deque<Piece> pieces;
  std::uint64_t part_first = 0;
  for (PartContent& part : parts) {
    const std::uint64_t part_end = part_first + part.size_bytes;
    if (part.size_bytes > 0 && part_first <= range.last && part_end > range.first) {
      const std::uint64_t first = std::max(range.first, part_first) - part_first;
      const std::uint64_t last = std::min(range.last, part_end - 1) - part_first;
      pieces.push_back({std::move(part.blob), {first, last}});
    }
    part_first = part_end;
  }
  if (pieces.empty()) co_return std::make_unique<StringSource>("");
  CO_TRY(std::unique_ptr<ByteSource> first, co_await blobs.open(pieces.front().blob, pieces.front().range));
  pieces.pop_front();
  if (pieces.empty()) co_return first;
  co_return std::make_unique<PiecesSource>(blobs, std::move(pieces), std::move(first));
}

}  // namespace hearth::s3
