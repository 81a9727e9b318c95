#include "engines/localfs/blob_writer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace hearth::localfs {

BlobPath::BlobPath(const std::string& root, const std::string& id)
    : blobs(root + "/blobs"),
      outer(blobs + '/' + id.substr(0, 2)),
      inner(outer + '/' + id.substr(2, 2)),
      file(inner + '/' + id) {}

BlobWriter::BlobWriter(const std::string& root, const std::string& id)
    : temporary_path_(root + "/tmp/" + id), path_(root, id) {}

BlobWriter::~BlobWriter() {
  if (!leftover_.empty()) ::unlink(leftover_.c_str());
}

Result<void> BlobWriter::open(std::optional<std::uint64_t> expected_bytes) {
  file_ = Descriptor(::open(temporary_path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (!file_) return errno_error("create");
  leftover_ = temporary_path_;
  // Small files are better left to the kernel, which allocates late and in one piece.
  constexpr std::uint64_t reserve_bytes_min = 4 << 20;
  if (!expected_bytes || *expected_bytes < reserve_bytes_min) return ok;
  if (::fallocate(file_.get(), 0, 0, static_cast<off_t>(*expected_bytes)) == 0)
    reserved_bytes_ = *expected_bytes;
  else if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
    return errno_error("fallocate");
  return ok;  // a file system that cannot reserve room still takes the bytes
}

Result<void> BlobWriter::write(std::span<const char> bytes) {
  while (!bytes.empty()) {
    const bool past_the_cache = reserved_bytes_ > 0 && can_pass_cache_ && is_aligned(bytes);
    if (past_the_cache != passes_cache_) pass_cache(past_the_cache);
    const ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_bytes_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EINVAL && passes_cache_) {  // some file systems say only now that they cannot
      can_pass_cache_ = false;
      continue;
    }
    if (n < 0) return errno_error("write");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    size_bytes_ += static_cast<std::uint64_t>(n);
  }
  if (!passes_cache_) start_writeback();
  return ok;
}

bool BlobWriter::is_aligned(std::span<const char> bytes) const {
  const auto start = reinterpret_cast<std::uintptr_t>(bytes.data());
  return (start | bytes.size() | size_bytes_) % ByteSource::block_alignment == 0;
}

// Large bodies go from the caller's blocks to the disk: copying them into the page cache would be the largest part of
// what a put costs. The unaligned end goes through the cache.
void BlobWriter::pass_cache(bool on) {
  const int flags = ::fcntl(file_.get(), F_GETFL);
  const bool done = ::fcntl(file_.get(), F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
  if (on && !done) can_pass_cache_ = false;
  passes_cache_ = on && done;
}

// Lets the disk work while the body still arrives, so that the sync at the end finds little left to do.
void BlobWriter::start_writeback() {
  constexpr std::uint64_t writeback_step_bytes = 8 << 20;
  if (size_bytes_ - writeback_bytes_ < writeback_step_bytes) return;
  (void)::sync_file_range(file_.get(), static_cast<off_t>(writeback_bytes_),
                          static_cast<off_t>(size_bytes_ - writeback_bytes_), SYNC_FILE_RANGE_WRITE);
  writeback_bytes_ = size_bytes_;
}

Result<void> BlobWriter::copy(const FileSlice& slice) {
  auto source_offset = static_cast<off_t>(slice.offset);
  std::uint64_t left = slice.length;
  while (left > 0) {
    auto target_offset = static_cast<off_t>(size_bytes_);
    const ssize_t n = ::copy_file_range(slice.fd, &source_offset, file_.get(), &target_offset, left, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && left == slice.length && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP))
      return Error(ErrorKind::unsupported, "these files cannot be copied inside the kernel");
    if (n < 0) return errno_error("copy_file_range");
    if (n == 0) return Error(ErrorKind::corrupt, "the source file is shorter than it said");
    left -= static_cast<std::uint64_t>(n);
    size_bytes_ += static_cast<std::uint64_t>(n);
    start_writeback();
  }
  return ok;
}

// The name comes before the sync: a blob that is cut off half-way has no row that names it, and one journal commit then
// covers bytes, name and new folders alike.
Result<void> BlobWriter::finish(TimePoint put_at, FolderSyncer& folders) {
  if (reserved_bytes_ > size_bytes_ && ::ftruncate(file_.get(), static_cast<off_t>(size_bytes_)) != 0)
    return errno_error("truncate");
  const auto since_epoch = put_at.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - seconds);
  const timespec modified{.tv_sec = seconds.count(), .tv_nsec = rest.count()};
  const timespec times[2] = {modified, modified};
  if (::futimens(file_.get(), times) != 0) return errno_error("set time");
  TRY_DO(move_into_place());
  if (::fdatasync(file_.get()) != 0) return errno_error("fdatasync");
  TRY_DO(folders.sync({path_.inner, path_.outer, path_.blobs}));
  leftover_.clear();
  return ok;
}

Result<void> BlobWriter::move_into_place() {
  if (::rename(temporary_path_.c_str(), path_.file.c_str()) != 0) {
    if (errno != ENOENT) return errno_error("rename");
    // First blob of its folder.
    if (::mkdir(path_.outer.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("mkdir");
    if (::mkdir(path_.inner.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("mkdir");
    if (::rename(temporary_path_.c_str(), path_.file.c_str()) != 0) return errno_error("rename");
  }
  leftover_ = path_.file;
  return ok;
}

}  // namespace hearth::localfs
