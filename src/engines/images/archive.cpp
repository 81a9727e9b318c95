#include "engines/images/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

namespace hearth::images {

// Outlives every call into libarchive; the feed's own error is kept, since libarchive only knows that there was one.
struct ArchiveReader::Source {
  ByteFeed feed;
  std::optional<Error> feed_error;
};

namespace {

constexpr std::size_t block_bytes = 256 << 10;

la_ssize_t read_feed(archive* reader, void* data, const void** bytes) {
  auto* source = static_cast<ByteFeed*>(data);
  const auto piece = (*source)();
  if (!piece) {
    archive_set_error(reader, EIO, "%s", piece.error().message().c_str());
    return ARCHIVE_FATAL;
  }
  *bytes = piece->data();
  return static_cast<la_ssize_t>(piece->size());
}

archive* make_reader() {
  archive* reader = archive_read_new();
  archive_read_support_format_tar(reader);
  archive_read_support_format_empty(reader);
  archive_read_support_filter_gzip(reader);
  archive_read_support_filter_bzip2(reader);
  archive_read_support_filter_xz(reader);
  archive_read_support_filter_zstd(reader);
  return reader;
}

}  // namespace

ArchiveReader::ArchiveReader(archive* reader, std::unique_ptr<Source> source)
    : source_(std::move(source)), reader_(reader) {}

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

Result<ArchiveReader> ArchiveReader::open_file(int fd) {
  ArchiveReader opened(make_reader(), std::make_unique<Source>());
  if (::lseek(fd, 0, SEEK_SET) != 0) return Error(ErrorKind::unavailable, "the archive cannot be read");
  if (archive_read_open_fd(opened.reader_, fd, block_bytes) != ARCHIVE_OK) return opened.broken();
  return opened;
}

Result<ArchiveReader> ArchiveReader::open_feed(ByteFeed feed) {
  auto source = std::make_unique<Source>();
  // The error itself is kept: libarchive passes on its words only.
  source->feed = [errors = &source->feed_error, feed = std::move(feed)]() -> Result<std::string_view> {
    auto piece = feed();
    if (!piece) *errors = piece.error();
    return piece;
  };
  ByteFeed* const data = &source->feed;
  ArchiveReader opened(make_reader(), std::move(source));
  if (archive_read_open(opened.reader_, data, nullptr, read_feed, nullptr) != ARCHIVE_OK) return opened.broken();
  return opened;
}

Error ArchiveReader::broken() const {
  if (source_->feed_error) return *source_->feed_error;
  const char* words = archive_error_string(reader_);
  return Error(ErrorKind::invalid,
               "the archive cannot be read as tar: " + std::string(words ? words : "unknown error"));
}

Result<archive_entry*> ArchiveReader::next() {
  archive_entry* member = nullptr;
  const int status = archive_read_next_header(reader_, &member);
  if (status == ARCHIVE_EOF) return nullptr;
  // A warning is about something we do not keep (an extended attribute, a name in an unknown character set).
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return broken();
  return member;
}

Result<std::size_t> ArchiveReader::read(char* into, std::size_t size_max) {
  const la_ssize_t size = archive_read_data(reader_, into, size_max);
  if (size < 0) return broken();
  return static_cast<std::size_t>(size);
}

Result<ArchiveReader::Piece> ArchiveReader::next_piece() {
  Piece piece;
  const int status = archive_read_data_block(reader_, &piece.data, &piece.size, &piece.offset);
  if (status == ARCHIVE_EOF)
    piece.is_end = true;
  else if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
    return broken();
  return piece;
}

std::int64_t ArchiveReader::consumed_bytes() const {
  return archive_filter_bytes(reader_, -1);
}

std::string member_path(archive_entry* member) {
  const char* name = archive_entry_pathname(member);
  std::string_view path = name ? name : "";
  while (path.starts_with("./") || path.starts_with('/')) path.remove_prefix(path.starts_with('/') ? 1 : 2);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path == "." ? std::string() : std::string(path);
}

}  // namespace hearth::images
