#include "engines/oci/console.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

namespace hearth::oci {

bool ConsoleReader::open_file() {
  struct stat status{};
  file_ = Descriptor(::open(log_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file_ || ::fstat(file_.get(), &status) != 0) return false;
  inode_ = status.st_ino;
  known_ = {begins_at_, 0};
  std::ofstream(place_, std::ios::trunc) << inode_ << ' ' << begins_at_ << '\n';
  return true;
}

// Lines look like "2026-11-23T12:00:00.000000000+00:00 stdout F text": F ends a line of the console, P is a piece of
// one.
std::string ConsoleReader::take_lines(Place& place, std::size_t wanted) const {
  std::string text, pending;
  std::array<char, 65536> buffer;
  for (off_t position = place.position; text.size() < wanted;) {
    const ssize_t count = ::pread(file_.get(), buffer.data(), buffer.size(), position);
    if (count <= 0) break;
    position += count;
    pending.append(buffer.data(), static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (std::size_t end; text.size() < wanted && (end = pending.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      const std::string_view line(pending.data() + begin, end - begin);
      const std::size_t size_before = text.size();
      const auto first_space = line.find(' ');
      const auto tag = line.find(' ', first_space + 1);
      if (first_space != std::string_view::npos && tag != std::string_view::npos && line.size() >= tag + 3) {
        std::string_view said = line.substr(tag + 3);
        if (said.ends_with('\r')) said.remove_suffix(1);  // the terminal's line ends
        text += said;
        if (line[tag + 1] == 'F') text += '\n';
      }
      if (text.size() > wanted) break;  // the rest of this line is for the next call, which begins with it
      place.offset += text.size() - size_before;
      place.position += static_cast<off_t>(line.size() + 1);
    }
    pending.erase(0, begin);
  }
  return text;
}

Result<std::string> ConsoleReader::read(std::uint64_t offset, std::size_t limit_bytes) {
  if (!file_) {
    std::uint64_t known_inode = 0;
    std::ifstream(place_) >> known_inode >> begins_at_;
    struct stat status{};
    if (::stat(log_.c_str(), &status) != 0) return std::string();
    // Another file than before our restart: the old one went unread, and the console goes on behind it.
    if (known_inode != 0 && known_inode != status.st_ino) begins_at_ += console_file_bytes_max;
    if (!open_file()) return Error(ErrorKind::unavailable, "the console cannot be read", log_.string());
  }
  for (;;) {
    // Before reading: once conmon has begun a new file it writes no more into this one, so that all of it is read.
    struct stat status{};
    const bool is_complete = ::stat(log_.c_str(), &status) == 0 && status.st_ino != inode_;
    const std::uint64_t from = std::max(offset, begins_at_);
    Place place = from >= known_.offset ? known_ : Place{begins_at_, 0};
    const std::size_t skipped = static_cast<std::size_t>(from - place.offset);
    std::string text = take_lines(place, skipped + limit_bytes);
    known_ = place;
    if (text.size() > skipped) return text.substr(skipped, limit_bytes);
    if (!is_complete) return std::string();
    // The new one's text begins where this one's ended.
    begins_at_ = known_.offset;
    if (!open_file()) return std::string();
  }
}

}  // namespace hearth::oci
