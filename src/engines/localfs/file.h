// An open file that closes itself, and errno as an Error. Private to engines/localfs.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/result.h"

namespace hearth::localfs {

class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// `what` names the step that failed; it only goes into the log.
inline Error errno_error(std::string_view what, int number = errno) {
  std::string detail = std::string(what) + ": " + std::generic_category().message(number);
  if (number == ENOSPC || number == EDQUOT) return Error(ErrorKind::no_space, "the disk is full", std::move(detail));
  if (number == ENOENT) return Error(ErrorKind::not_found, "no such blob", std::move(detail));
  return Error(ErrorKind::unavailable, "the blob store is not available", std::move(detail));
}

}  // namespace hearth::localfs
