// One blob on its way to disk. Private to engines/localfs. Every member blocks: call them on the blocking pool.
// Unless finish() has succeeded, the destructor removes every trace.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/time.h"
#include "engines/localfs/errno_error.h"
#include "engines/localfs/folder_syncer.h"

namespace hearth::localfs {

// Where the blob `id` lies: root/blobs/ab/cd/ID.
struct BlobPath {
  std::string blobs, outer, inner, file;
  BlobPath(const std::string& root, const std::string& id);
};

class BlobWriter {
 public:
  BlobWriter(const std::string& root, const std::string& id);
  ~BlobWriter();
  BlobWriter(const BlobWriter&) = delete;
  BlobWriter& operator=(const BlobWriter&) = delete;

  // Reserves room for `expected_bytes` if known, so that a full disk shows now. no_space then.
  Result<void> open(std::optional<std::uint64_t> expected_bytes);
  Result<void> write(std::span<const char> bytes);
  // Copies a stretch of another file inside the kernel. unsupported if these files cannot; nothing was written then.
  Result<void> copy(const FileSlice& slice);
  // Makes the blob durable under its name.
  Result<void> finish(TimePoint put_at, FolderSyncer& folders);

  std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  Result<void> move_into_place();
  void start_writeback();
  bool is_aligned(std::span<const char> bytes) const;
  void pass_cache(bool on);

  std::string temporary_path_;
  BlobPath path_;
  Descriptor file_;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t reserved_bytes_ = 0;
  std::uint64_t writeback_bytes_ = 0;  // up to here the kernel was asked to write to the disk
  bool can_pass_cache_ = true;
  bool passes_cache_ = false;  // the file is open for direct writes now
  std::string leftover_;       // what the destructor has to remove
};

}  // namespace hearth::localfs
