#include "engines/telemetry/write_ahead_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>
#include <system_error>

#include "base/log.h"
#include "engines/telemetry/binary.h"
#include "engines/telemetry/crc32c.h"

namespace hearth::telemetry {
namespace {

namespace fs = std::filesystem;

// A segment is this line, then records: length (4 bytes), CRC-32C of length and payload (4 bytes), payload.
constexpr std::string_view segment_header = "hearth telemetry log 1\n";

std::uint32_t record_checksum(std::uint32_t length, std::string_view payload) {
  std::string length_bytes;
  put_fixed(length_bytes, length);
  return crc32c(payload) ^ crc32c(length_bytes);
}

Error disk_error(std::string_view what, int number) {
  std::string detail = std::string(what) + ": " + std::generic_category().message(number);
  if (number == ENOSPC || number == EDQUOT) return Error(ErrorKind::no_space, "the disk is full", std::move(detail));
  return Error(ErrorKind::unavailable, "the telemetry log is not available", std::move(detail));
}

Result<void> sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return disk_error("open folder", errno);
  const int synced = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  if (synced != 0) return disk_error("fsync folder", error);
  return ok;
}

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return disk_error("write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return ok;
}

// Calls `replay` for every whole record and returns how many bytes behind the last of them make no sense.
std::size_t replay_segment(std::string_view bytes, const std::function<void(std::string_view)>& replay) {
  if (!bytes.starts_with(segment_header)) return bytes.size();
  BinaryReader reader(bytes.substr(segment_header.size()));
  while (!reader.empty()) {
    const std::size_t left = reader.size_bytes();
    const auto length = reader.fixed<std::uint32_t>();
    const auto checksum = reader.fixed<std::uint32_t>();
    const std::string_view payload = reader.raw(length);
    if (!reader.good() || checksum != record_checksum(length, payload)) return left;
    replay(payload);
  }
  return 0;
}

}  // namespace

WriteAheadLog::~WriteAheadLog() {
  close_segment();
}

Result<void> WriteAheadLog::open(const fs::path& folder, SegmentNumber sealed,
                                 const std::function<void(std::string_view record)>& replay) {
  folder_ = folder;
  std::error_code cannot_create;
  fs::create_directories(folder, cannot_create);
  if (cannot_create) return disk_error("create folder", cannot_create.value());

  remove_through(sealed);
  SegmentNumber newest = sealed;
  for (const SegmentNumber number : find_segments()) {
    std::ifstream file(segment_path(number), std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    if (!file) return Error(ErrorKind::unavailable, "the telemetry log cannot be read", segment_path(number).string());
    const std::size_t torn_bytes = replay_segment(bytes.view(), replay);
    if (torn_bytes > 0)
      log::info("telemetry log ends in an unfinished write",
                {{"segment", std::to_string(number)}, {"bytes", std::to_string(torn_bytes)}});
    newest = number;
  }
  return start_segment(newest + 1);
}

Result<void> WriteAheadLog::append(const std::vector<std::string_view>& records) {
  if (fd_ < 0) TRY_DO(start_segment(number_ + 1));
  buffer_.clear();
  for (const std::string_view record : records) {
    const auto length = static_cast<std::uint32_t>(record.size());
    put_fixed(buffer_, length);
    put_fixed(buffer_, record_checksum(length, record));
    buffer_ += record;
  }
  Result<void> written = write_all(fd_, buffer_);
  if (written && ::fdatasync(fd_) != 0) written = disk_error("fdatasync", errno);
  // Behind a half-written record nothing could be read again.
  if (!written) close_segment();
  if (buffer_.capacity() > (1 << 20)) std::string().swap(buffer_);
  return written;
}

Result<WriteAheadLog::SegmentNumber> WriteAheadLog::rotate() {
  const SegmentNumber ended = number_;
  close_segment();
  TRY_DO(start_segment(ended + 1));
  return ended;
}

void WriteAheadLog::remove_through(SegmentNumber number) {
  for (const SegmentNumber candidate : find_segments()) {
    std::error_code ignored;  // what stays is removed at the next start
    if (candidate <= number) fs::remove(segment_path(candidate), ignored);
  }
}

fs::path WriteAheadLog::segment_path(SegmentNumber number) const {
  return folder_ / fmt::format("{:010}.log", number);
}

std::vector<WriteAheadLog::SegmentNumber> WriteAheadLog::find_segments() const {
  std::vector<SegmentNumber> numbers;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    SegmentNumber number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (parsed.ec == std::errc() && std::string_view(parsed.ptr) == ".log") numbers.push_back(number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

Result<void> WriteAheadLog::start_segment(SegmentNumber number) {
  number_ = number;
  fd_ = ::open(segment_path(number).c_str(), O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) return disk_error("create segment", errno);
  Result<void> started = write_all(fd_, segment_header);
  if (started && ::fdatasync(fd_) != 0) started = disk_error("fdatasync", errno);
  if (started) started = sync_folder(folder_);
  if (!started) close_segment();
  return started;
}

void WriteAheadLog::close_segment() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace hearth::telemetry
