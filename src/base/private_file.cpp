#include "base/private_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hearth {

Result<void> write_private_file(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path fresh = path.string() + ".new";
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool done = file >= 0 && ::write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
              ::fsync(file) == 0;
  int error = errno;
  if (file >= 0) ::close(file);
  if (done && ::rename(fresh.c_str(), path.c_str()) != 0) {
    done = false;
    error = errno;
  }
  if (!done)
    return Error(error == ENOSPC ? ErrorKind::no_space : ErrorKind::unavailable,
                 "cannot write " + path.filename().string(), path.string() + ": " + std::strerror(error));
  if (const int folder = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return ok;
}

}  // namespace hearth
