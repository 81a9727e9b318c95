// Files by descriptor: one that closes itself, whole writes, folders whose names outlive a power cut. Blocking.
// Part of base: anyone may include it.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace hearth {

// Owns a descriptor: of a file, a socket, a pipe. Negative: none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  // Sooner than the destructor would.
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

// errno as an Error: no_space when the disk or a quota is full, else unavailable with `message`. `step` names what
// failed; it only goes into the log.
Error disk_error(std::string_view message, std::string_view step, int number = errno);

Result<void> write_all(int fd, std::span<const char> bytes);

// The names in a folder are on the disk when it returns.
Result<void> sync_folder(const std::filesystem::path& folder);

// Makes a folder and whatever is missing above it, and syncs the folder above each: a power cut after this leaves them.
Result<void> make_folders(const std::filesystem::path& folder);

}  // namespace hearth
