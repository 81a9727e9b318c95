#include "engines/telemetry/write_ahead_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/file.h"
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

constexpr std::string_view not_available = "the telemetry log is not available";

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

Result<void> WriteAheadLog::open(const fs::path& folder, SegmentNumber sealed,
                                 const std::function<void(std::string_view record)>& replay) {
  folder_ = folder;
  TRY_DO(make_folders(folder));

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
  if (holds_failed_bytes_) TRY_DO(take_back());
  if (!segment_) TRY_DO(start_segment(number_ + 1));
  buffer_.clear();
  for (const std::string_view record : records) {
    const auto length = static_cast<std::uint32_t>(record.size());
    put_fixed(buffer_, length);
    put_fixed(buffer_, record_checksum(length, record));
    buffer_ += record;
  }
  Result<void> written = write_all(segment_.get(), buffer_);
  if (written && ::fdatasync(segment_.get()) != 0) {
    written = disk_error(not_available, "fdatasync");
    lost_writes_ = true;
  }
  if (written) {
    size_bytes_ += buffer_.size();
  } else {
    holds_failed_bytes_ = true;
    if (const auto taken_back = take_back(); !taken_back)
      log::error("a failed write stays in the telemetry log", {{"why", taken_back.error().detail()}});
  }
  if (buffer_.capacity() > (1 << 20)) std::string().swap(buffer_);
  return written;
}

// A failed append may have left whole records, which the next start would take for acknowledged ones: the segment ends
// before them, on the disk too, before anything else is acknowledged.
Result<void> WriteAheadLog::take_back() {
  if (::ftruncate(segment_.get(), static_cast<off_t>(size_bytes_)) != 0) return disk_error(not_available, "ftruncate");
  if (::fsync(segment_.get()) != 0) {
    lost_writes_ = true;
    return disk_error(not_available, "fsync");
  }
  holds_failed_bytes_ = false;
  // After a failed sync the kernel takes pages for clean that never reached the disk: no later sync of this file can be
  // believed.
  if (std::exchange(lost_writes_, false)) segment_.close();
  return ok;
}

Result<WriteAheadLog::SegmentNumber> WriteAheadLog::rotate() {
  if (holds_failed_bytes_) TRY_DO(take_back());
  const SegmentNumber ended = number_;
  segment_.close();
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
  const fs::path path = segment_path(number);
  segment_ = Descriptor(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
  if (!segment_) return disk_error(not_available, "create segment");
  size_bytes_ = segment_header.size();
  Result<void> started = write_all(segment_.get(), segment_header);
  if (started && ::fdatasync(segment_.get()) != 0) started = disk_error(not_available, "fdatasync");
  if (started) started = sync_folder(folder_);
  if (!started) {
    segment_.close();
    ::unlink(path.c_str());  // a full disk may go on refusing for hours
  }
  return started;
}

}  // namespace hearth::telemetry
