// Reads tar archives, plain or compressed with gzip, bzip2, xz or zstd, through libarchive. Members come once, front to
// back. An archive is in a file or inside the current member of another one. Archives are strangers' work: whatever is
// in them, reading one is bounded in bytes and memory and can be cancelled. Blocking; one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct archive;
struct archive_entry;

namespace hearth::images {

// The next bytes of an archive; empty at its end. They stay valid until the next call.
using ByteFeed = std::function<Result<std::string_view>()>;

struct ArchiveBounds {
  // Of the archive's bytes once they are decompressed, skipped members included.
  std::uint64_t bytes_max = std::numeric_limits<std::uint64_t>::max();
  // Asked every now and then; false ends the reading with ErrorKind::cancelled. May be empty.
  std::function<bool()> go_on;
};

class ArchiveReader {
 public:
  // The file is read from its start; the descriptor stays the caller's.
  static Result<ArchiveReader> open_file(int fd, ArchiveBounds bounds);
  static Result<ArchiveReader> open_feed(ByteFeed feed, ArchiveBounds bounds);
  ArchiveReader(ArchiveReader&&) noexcept;
  ArchiveReader& operator=(ArchiveReader&&) noexcept;
  ~ArchiveReader();

  // The next member, null at the end; it is the reader's and valid until the next call. invalid when this is no tar
  // archive, a broken one, or one beyond its bounds; so are the others.
  Result<archive_entry*> next();
  // Bytes of the current member's content; 0 at its end.
  Result<std::size_t> read(char* into, std::size_t size_max);
  // A stretch of the current member's content and where it lies: files may have holes. nullopt-like empty at the end.
  struct Piece {
    const void* data = nullptr;
    std::size_t size = 0;
    std::int64_t offset = 0;
    bool is_end = false;
  };
  Result<Piece> next_piece();

 private:
  struct Source;
  explicit ArchiveReader(std::unique_ptr<Source> source);
  static Result<ArchiveReader> open(std::unique_ptr<Source> source);
  Error broken() const;

  std::unique_ptr<Source> source_;  // what libarchive's callbacks point at
  archive* reader_ = nullptr;
};

// A member's path without "./" and slashes at its ends; empty for the root itself.
std::string member_path(archive_entry* member);

}  // namespace hearth::images
