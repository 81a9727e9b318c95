#include "engines/localfs/blob_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>

#include "engines/localfs/blob_writer.h"
#include "engines/localfs/errno_error.h"
#include "engines/localfs/folder_syncer.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using localfs::BlobPath;
using localfs::BlobWriter;
using localfs::errno_error;

constexpr std::size_t write_step_bytes = 1 << 20;
constexpr std::size_t id_length = 32;

// Also what keeps an id from ever being a path.
bool is_blob_id(std::string_view id) {
  return id.size() == id_length && id.find_first_not_of("0123456789abcdef") == id.npos;
}

// The first four digits are the minute, so that blobs put together share a folder and thereby its sync.
std::string new_blob_id(const Clock& clock, IdSource& ids) {
  const auto minute = std::chrono::floor<std::chrono::minutes>(clock.now().time_since_epoch()).count();
  constexpr std::size_t minute_digits = 4;
  return fmt::format("{:04x}", static_cast<std::uint16_t>(minute)) + ids.hex(id_length - minute_digits);
}

class LocalFileSource final : public ByteSource {
 public:
  LocalFileSource(Descriptor file, ByteRange range, Executor& pool)
      : file_(std::move(file)), at_(range.first), left_(range.length()), pool_(pool) {}

  Async<std::size_t> read(std::span<char> into) override {
    const std::size_t wanted = std::min<std::uint64_t>(into.size(), left_);
    if (wanted == 0) co_return std::size_t{0};
    ssize_t n = read_cached(into.data(), wanted);
    if (n <= 0) {
      int error = 0;
      n = co_await offload(pool_, [&] {
        const ssize_t got = ::pread(file_.get(), into.data(), wanted, static_cast<off_t>(at_));
        error = errno;
        return got;
      });
      if (n < 0) co_return errno_error("read", error);
    }
    if (n == 0) co_return Error(ErrorKind::corrupt, "stored bytes are missing", "the file is shorter than it was");
    at_ += static_cast<std::uint64_t>(n);
    left_ -= static_cast<std::uint64_t>(n);
    co_return static_cast<std::size_t>(n);
  }
  std::optional<std::uint64_t> remaining() const override { return left_; }
  std::optional<FileSlice> file_slice() const override { return FileSlice{file_.get(), at_, left_}; }
  Async<std::uint64_t> fetch(FileSlice slice) override;

 private:
  // What the page cache holds is not worth a trip to the pool.
  ssize_t read_cached(char* into, std::size_t wanted) const {
    const iovec target{into, wanted};
    return ::preadv2(file_.get(), &target, 1, static_cast<off_t>(at_), RWF_NOWAIT);
  }

  Descriptor file_;
  std::uint64_t at_;
  std::uint64_t left_;
  Executor& pool_;
};

// A step at a time, and the disk is told of what comes after it.
Async<std::uint64_t> LocalFileSource::fetch(FileSlice slice) {
  constexpr std::uint64_t step_bytes = 1 << 20, ahead_bytes = 8 << 20;
  const std::uint64_t count = std::min(slice.length, step_bytes);
  char last;
  const iovec target{&last, 1};
  const auto last_at = static_cast<off_t>(slice.offset + count - 1);
  if (::preadv2(slice.fd, &target, 1, last_at, RWF_NOWAIT) == 1) co_return count;
  const bool is_there = co_await offload(pool_, [&] {
    const auto ahead = static_cast<off_t>(std::min(slice.length, ahead_bytes));
    (void)::posix_fadvise(slice.fd, static_cast<off_t>(slice.offset), ahead, POSIX_FADV_WILLNEED);
    return ::pread(slice.fd, &last, 1, last_at) == 1;
  });
  if (!is_there) co_return Error(ErrorKind::corrupt, "stored bytes are missing", "the file is shorter than it was");
  co_return count;
}

std::vector<std::string> sorted_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code gone;  // a folder that vanishes under a list is an empty one
  for (fs::directory_iterator it(folder, gone), end; !gone && it != end; it.increment(gone))
    names.push_back(it->path().filename().string());
  std::ranges::sort(names);
  return names;
}

class LocalBlobStore final : public BlobStore {
 public:
  LocalBlobStore(fs::path folder, const Clock& clock, IdSource& ids, Executor& pool)
      : root_(folder.string()), clock_(clock), ids_(ids), pool_(pool) {}

  Result<void> prepare_folders();

  Async<BlobInfo> put(ByteSource& body) override;
  Async<std::unique_ptr<ByteSource>> open(const BlobId& id, ByteRange range) override;
  Async<void> remove(const BlobId& id) override;
  Async<std::vector<BlobInfo>> list(const BlobId& after, TimePoint before, std::size_t limit) override;
  Async<void> clear() override;

 private:
  Async<void> write_body(BlobWriter& writer, ByteSource& body);
  Async<bool> copied_by_kernel(BlobWriter& writer, ByteSource& body);
  Result<std::unique_ptr<ByteSource>> open_file(const BlobId& id, ByteRange range);
  std::vector<BlobInfo> list_files(const BlobId& after, TimePoint before, std::size_t limit);

  std::string root_;
  const Clock& clock_;
  IdSource& ids_;
  Executor& pool_;
  localfs::FolderSyncer folders_;
};

Result<void> LocalBlobStore::prepare_folders() {
  std::error_code error;
  TRY_DO(make_folders(root_));
  fs::remove_all(root_ + "/tmp", error);
  if (!error) fs::create_directory(root_ + "/tmp", error);
  if (!error) fs::create_directory(root_ + "/blobs", error);
  if (error) return errno_error("prepare folders", error.value());
  return folders_.sync({root_});
}

Async<BlobInfo> LocalBlobStore::put(ByteSource& body) {
  const BlobId id{new_blob_id(clock_, ids_)};
  BlobWriter writer(root_, id.value);
  const Result<void> opened = co_await offload(pool_, [&] { return writer.open(body.remaining()); });
  if (!opened) co_return opened.error();
  CO_TRY_DO(co_await write_body(writer, body));
  const Result<void> finished = co_await offload(pool_, [&] { return writer.finish(clock_.now(), folders_); });
  if (!finished) co_return finished.error();
  co_return BlobInfo{.id = id, .size_bytes = writer.size_bytes()};
}

Async<void> LocalBlobStore::write_body(BlobWriter& writer, ByteSource& body) {
  CO_TRY(const bool is_copied, co_await copied_by_kernel(writer, body));
  if (is_copied) co_return ok;
  while (body.lends_blocks()) {
    CO_TRY(const std::span<const char> block, co_await body.next_block());
    if (block.empty()) co_return ok;
    const Result<void> written = co_await offload(pool_, [&] { return writer.write(block); });
    if (!written) co_return written.error();
  }

  const std::size_t expected_bytes = body.remaining().value_or(write_step_bytes);
  std::string buffer(std::clamp<std::size_t>(expected_bytes, 1, write_step_bytes), '\0');
  for (;;) {
    std::size_t filled = 0;
    std::size_t n = 1;
    while (filled < buffer.size() && n > 0) {
      CO_TRY(n, co_await body.read({buffer.data() + filled, buffer.size() - filled}));
      filled += n;
    }
    if (filled == 0) co_return ok;
    const Result<void> written = co_await offload(pool_, [&] { return writer.write({buffer.data(), filled}); });
    if (!written) co_return written.error();
    if (n == 0) co_return ok;
  }
}

Async<bool> LocalBlobStore::copied_by_kernel(BlobWriter& writer, ByteSource& body) {
  const std::optional<FileSlice> slice = body.file_slice();
  if (!slice || slice->length == 0) co_return false;
  const Result<void> copied = co_await offload(pool_, [&] { return writer.copy(*slice); });
  if (!copied && copied.error().kind() == ErrorKind::unsupported) co_return false;
  if (!copied) co_return copied.error();
  co_return true;
}

Async<std::unique_ptr<ByteSource>> LocalBlobStore::open(const BlobId& id, ByteRange range) {
  co_return co_await offload(pool_, [&] { return open_file(id, range); });
}

Result<std::unique_ptr<ByteSource>> LocalBlobStore::open_file(const BlobId& id, ByteRange range) {
  if (!is_blob_id(id.value)) return Error(ErrorKind::not_found, "no such blob");
  Descriptor file(::open(BlobPath(root_, id.value).file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno_error("open");
  struct stat status;
  if (::fstat(file.get(), &status) != 0) return errno_error("stat");
  if (range.first > range.last || range.last >= static_cast<std::uint64_t>(status.st_size))
    return Error(ErrorKind::invalid, "the range is outside of the blob");
  return std::make_unique<LocalFileSource>(std::move(file), range, pool_);
}

// Not synced: a blob that comes back after a power cut has no row, and the sweep removes it again.
Async<void> LocalBlobStore::remove(const BlobId& id) {
  if (!is_blob_id(id.value)) co_return ok;
  int error = 0;
  const int removed = co_await offload(pool_, [&] {
    const int result = ::unlink(BlobPath(root_, id.value).file.c_str());
    error = errno;
    return result;
  });
  if (removed != 0 && error != ENOENT) co_return errno_error("unlink", error);
  co_return ok;
}

Async<std::vector<BlobInfo>> LocalBlobStore::list(const BlobId& after, TimePoint before, std::size_t limit) {
  co_return co_await offload(pool_, [&] { return list_files(after, before, limit); });
}

// Folders are named by the first digits of their ids, so walking them in order is walking the ids in order.
std::vector<BlobInfo> LocalBlobStore::list_files(const BlobId& after, TimePoint before, std::size_t limit) {
  std::vector<BlobInfo> found;
  const fs::path blobs = root_ + "/blobs";
  const std::string outer_after = after.value.substr(0, 2);
  const std::string both_after = after.value.substr(0, 4);
  for (const std::string& outer : sorted_names(blobs)) {
    if (outer < outer_after) continue;
    for (const std::string& inner : sorted_names(blobs / outer)) {
      if (outer + inner < both_after) continue;
      for (const std::string& name : sorted_names(blobs / outer / inner)) {
        if (name <= after.value) continue;
        if (found.size() >= limit) return found;
        struct stat status;
        if (::stat((blobs / outer / inner / name).c_str(), &status) != 0) continue;
        const TimePoint put_at(std::chrono::seconds(status.st_mtim.tv_sec) +
                               std::chrono::nanoseconds(status.st_mtim.tv_nsec));
        if (put_at < before) found.push_back({{name}, static_cast<std::uint64_t>(status.st_size)});
      }
    }
  }
  return found;
}

Async<void> LocalBlobStore::clear() {
  std::error_code error;
  co_return co_await offload(pool_, [&]() -> Result<void> {
    for (const std::string& outer : sorted_names(root_ + "/blobs")) fs::remove_all(root_ + "/blobs/" + outer, error);
    folders_.forget();
    if (error) return errno_error("clear", error.value());
    return ok;
  });
}

}  // namespace

Result<std::unique_ptr<BlobStore>> open_local_blob_store(const std::filesystem::path& folder, const Clock& clock,
                                                         IdSource& ids, Executor& pool) {
  auto store = std::make_unique<LocalBlobStore>(folder, clock, ids, pool);
  TRY_DO(store->prepare_folders());
  return store;
}

}  // namespace hearth
