#include "base/file.h"

#include <fcntl.h>

#include <system_error>

namespace hearth {

namespace {
constexpr std::string_view not_available = "the disk is not available";
}

Error disk_error(std::string_view message, std::string_view step, int number) {
  const std::string detail = std::string(step) + ": " + std::generic_category().message(number);
  if (number == ENOSPC || number == EDQUOT) return Error(ErrorKind::no_space, "the disk is full", detail);
  return Error(ErrorKind::unavailable, message, detail);
}

Result<void> write_all(int fd, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return disk_error(not_available, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return ok;
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return disk_error(not_available, "open " + folder.string());
  if (::fsync(opened.get()) != 0) return disk_error(not_available, "fsync " + folder.string());
  return ok;
}

Result<void> make_folders(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(folder, error).lexically_normal();
  std::filesystem::path path;
  for (const auto& part : absolute) {
    if (part.empty()) continue;  // a slash at the end
    const std::filesystem::path above = std::exchange(path, path / part);
    const bool is_new = std::filesystem::create_directory(path, error);
    if (error) return disk_error("cannot make the folder " + path.string(), "mkdir", error.value());
    if (is_new) TRY_DO(sync_folder(above));
  }
  return ok;
}

}  // namespace hearth
