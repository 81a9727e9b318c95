#include "engines/images/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace hearth::images {
namespace {

constexpr std::size_t block_bytes = 64 << 10;
// libarchive keeps a member's header (its name, attributes, map of holes) in memory as a whole, however long it is.
constexpr std::uint64_t header_bytes_max = 8 << 20;
// Linux takes no longer ones.
constexpr std::size_t name_bytes_max = 4096;

struct FreeReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, FreeReader>;

Error not_tar(const std::string& words) {
  return Error(ErrorKind::invalid, "the archive cannot be read as tar: " + words);
}
Error error_of(archive* reader) {
  const char* words = archive_error_string(reader);
  return not_tar(words ? words : "unknown error");
}

}  // namespace

// Where an archive's decompressed bytes come from. Decompressing and reading tar are two readers of libarchive and not
// one, so that every byte between them is counted. Outlives every call into libarchive.
struct ArchiveReader::Source {
  ArchiveBounds bounds;
  std::optional<Error> error;      // our own: libarchive only knows that there was one
  std::uint64_t bytes = 0;         // given to the reader of tar
  std::uint64_t bytes_before = 0;  // when its present call began
  bool is_skipping = false;        // members' content, in the present call
  bool is_in_member = false;

  // A plain file needs no decompressing, and what is skipped in it no reading.
  int plain_fd = -1;
  std::uint64_t plain_offset = 0;
  std::vector<char> buffer;
  ByteFeed feed;  // compressed bytes, where they are not in a file
  Reader decoder;

  Result<std::string_view> next_bytes() {
    if (bounds.go_on && !bounds.go_on()) return Error(ErrorKind::cancelled, "the import was cancelled");
    TRY(const std::string_view piece, plain_fd >= 0 ? read_plain() : decode());
    bytes += piece.size();
    if (bytes > bounds.bytes_max)
      return Error(ErrorKind::invalid, "the archive is larger than " + std::to_string(bounds.bytes_max) +
                                           " bytes unpacked, the most there may be");
    if (!is_skipping && bytes - bytes_before > header_bytes_max)
      return Error(ErrorKind::invalid, "the archive has a member whose header is larger than " +
                                           std::to_string(header_bytes_max) + " bytes, the most there may be");
    return piece;
  }
  void begin_call(bool skips) {
    bytes_before = bytes;
    is_skipping = skips;
  }

 private:
  Result<std::string_view> read_plain() {
    buffer.resize(block_bytes);
    const ssize_t size = ::pread(plain_fd, buffer.data(), buffer.size(), static_cast<off_t>(plain_offset));
    if (size < 0) return Error(ErrorKind::unavailable, "the archive cannot be read");
    plain_offset += static_cast<std::uint64_t>(size);
    return std::string_view(buffer.data(), static_cast<std::size_t>(size));
  }
  Result<std::string_view> decode() {
    const void* data = nullptr;
    std::size_t size = 0;
    std::int64_t offset = 0;
    const int status = archive_read_data_block(decoder.get(), &data, &size, &offset);
    if (status == ARCHIVE_EOF) return std::string_view();
    if (error) return *error;  // of the feed
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return error_of(decoder.get());
    return std::string_view(static_cast<const char*>(data), size);
  }
};

namespace {

// For libarchive: bytes out of something that gives them or fails with an error to be kept.
la_ssize_t pass_on(archive* reader, Result<std::string_view> piece, std::optional<Error>& error, const void** bytes) {
  if (!piece) {
    error = piece.error();
    archive_set_error(reader, EIO, "%s", piece.error().message().c_str());
    return ARCHIVE_FATAL;
  }
  *bytes = piece->data();
  return static_cast<la_ssize_t>(piece->size());
}

Reader make_decoder() {
  Reader decoder(archive_read_new());
  archive_read_support_format_raw(decoder.get());
  archive_read_support_format_empty(decoder.get());
  archive_read_support_filter_gzip(decoder.get());
  archive_read_support_filter_bzip2(decoder.get());
  archive_read_support_filter_xz(decoder.get());
  archive_read_support_filter_zstd(decoder.get());
  return decoder;
}

Result<void> check_names(archive_entry* member) {
  for (const char* name :
       {archive_entry_pathname(member), archive_entry_symlink(member), archive_entry_hardlink(member)})
    if (name && ::strnlen(name, name_bytes_max + 1) > name_bytes_max)
      return Error(ErrorKind::invalid, "the archive has a name longer than " + std::to_string(name_bytes_max) +
                                           " bytes, the most there may be: " + std::string(name, 100) + "…");
  return ok;
}

// To where the decompressed bytes begin.
Result<void> enter(archive* decoder) {
  archive_entry* whole = nullptr;
  const int status = archive_read_next_header(decoder, &whole);
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN && status != ARCHIVE_EOF) return error_of(decoder);
  return ok;
}

}  // namespace

ArchiveReader::ArchiveReader(std::unique_ptr<Source> source)
    : source_(std::move(source)), reader_(archive_read_new()) {}

ArchiveReader::ArchiveReader(ArchiveReader&& other) noexcept
    : source_(std::move(other.source_)), reader_(std::exchange(other.reader_, nullptr)) {}

ArchiveReader& ArchiveReader::operator=(ArchiveReader&& other) noexcept {
  std::swap(source_, other.source_);
  std::swap(reader_, other.reader_);
  return *this;
}

ArchiveReader::~ArchiveReader() {
  if (reader_) archive_read_free(reader_);
}

Result<ArchiveReader> ArchiveReader::open_file(int fd, ArchiveBounds bounds) {
  auto source = std::make_unique<Source>();
  source->bounds = std::move(bounds);
  source->decoder = make_decoder();
  archive* const decoder = source->decoder.get();
  if (::lseek(fd, 0, SEEK_SET) != 0) return Error(ErrorKind::unavailable, "the archive cannot be read");
  if (archive_read_open_fd(decoder, fd, block_bytes) != ARCHIVE_OK) return error_of(decoder);
  TRY_DO(enter(decoder));
  constexpr int count_without_filters = 1;  // the one that reads the file
  if (archive_filter_count(decoder) == count_without_filters) source->plain_fd = fd;
  return open(std::move(source));
}

Result<ArchiveReader> ArchiveReader::open_feed(ByteFeed feed, ArchiveBounds bounds) {
  auto source = std::make_unique<Source>();
  source->bounds = std::move(bounds);
  source->feed = std::move(feed);
  source->decoder = make_decoder();
  archive* const decoder = source->decoder.get();
  const auto read_feed = [](archive* reader, void* data, const void** bytes) {
    auto* from = static_cast<Source*>(data);
    return pass_on(reader, from->feed(), from->error, bytes);
  };
  Result<void> entered = ok;
  if (archive_read_open(decoder, source.get(), nullptr, read_feed, nullptr) != ARCHIVE_OK)
    entered = error_of(decoder);
  else
    entered = enter(decoder);
  if (source->error) return *source->error;
  TRY_DO(std::move(entered));
  return open(std::move(source));
}

Result<ArchiveReader> ArchiveReader::open(std::unique_ptr<Source> source) {
  Source* const data = source.get();
  ArchiveReader opened(std::move(source));
  archive* const reader = opened.reader_;
  archive_read_support_format_tar(reader);
  archive_read_support_format_empty(reader);
  archive_read_set_read_callback(reader, [](archive* self, void* from, const void** bytes) {
    auto* the_source = static_cast<Source*>(from);
    return pass_on(self, the_source->next_bytes(), the_source->error, bytes);
  });
  if (data->plain_fd >= 0)
    archive_read_set_skip_callback(reader, [](archive*, void* from, la_int64_t wanted) -> la_int64_t {
      auto* the_source = static_cast<Source*>(from);
      struct stat status{};
      if (::fstat(the_source->plain_fd, &status) != 0) return 0;
      const la_int64_t left = status.st_size - static_cast<la_int64_t>(the_source->plain_offset);
      const la_int64_t skipped = std::clamp<la_int64_t>(wanted, 0, std::max<la_int64_t>(left, 0));
      the_source->plain_offset += static_cast<std::uint64_t>(skipped);
      return skipped;
    });
  archive_read_set_callback_data(reader, data);
  data->begin_call(false);
  if (archive_read_open1(reader) != ARCHIVE_OK) return opened.broken();
  return opened;
}

Error ArchiveReader::broken() const {
  return source_->error ? *source_->error : error_of(reader_);
}

Result<archive_entry*> ArchiveReader::next() {
  // By itself first: what is skipped may be as long as it likes, a header may not.
  if (source_->is_in_member) {
    source_->begin_call(true);
    const int skipped = archive_read_data_skip(reader_);
    if (skipped == ARCHIVE_EOF) return not_tar("it ends within a member");
    if (skipped < ARCHIVE_WARN) return broken();
  }
  source_->begin_call(false);
  archive_entry* member = nullptr;
  const int status = archive_read_next_header(reader_, &member);
  source_->is_in_member = status == ARCHIVE_OK || status == ARCHIVE_WARN;
  if (status == ARCHIVE_EOF) return nullptr;
  // A warning is about something we do not keep (an extended attribute, a name in an unknown character set).
  if (!source_->is_in_member) return broken();
  TRY_DO(check_names(member));
  return member;
}

Result<std::size_t> ArchiveReader::read(char* into, std::size_t size_max) {
  source_->begin_call(false);
  const la_ssize_t size = archive_read_data(reader_, into, size_max);
  if (size < 0) return broken();
  return static_cast<std::size_t>(size);
}

Result<ArchiveReader::Piece> ArchiveReader::next_piece() {
  Piece piece;
  source_->begin_call(false);
  const int status = archive_read_data_block(reader_, &piece.data, &piece.size, &piece.offset);
  if (status == ARCHIVE_EOF)
    piece.is_end = true;
  else if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
    return broken();
  return piece;
}

std::string member_path(archive_entry* member) {
  const char* name = archive_entry_pathname(member);
  std::string_view path = name ? name : "";
  while (path.starts_with("./") || path.starts_with('/')) path.remove_prefix(path.starts_with('/') ? 1 : 2);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path == "." ? std::string() : std::string(path);
}

}  // namespace hearth::images
