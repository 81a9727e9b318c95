#include "base/private_file.h"

#include <fcntl.h>

#include "base/file.h"

namespace hearth {

Result<void> write_private_file(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path fresh = path.string() + ".new";
  const auto failed = [&, what = "cannot write " + path.filename().string()] {
    return disk_error(what, path.string());
  };
  Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return failed();
  TRY_DO(write_all(file.get(), content));
  if (::fsync(file.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) return failed();
  return sync_folder(path.parent_path());
}

}  // namespace hearth
