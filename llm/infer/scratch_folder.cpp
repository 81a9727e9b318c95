#include "llm/infer/scratch_folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace hearth::llm::infer {
namespace fs = std::filesystem;

namespace {

constexpr const char *prefix = "fetched-", *gate_name = ".lock";

std::mutex mutex;
std::set<fs::path> ours;

Error cannot_make(const fs::path& path) {
  return Error(ErrorKind::unavailable, "cannot make a folder for the model: " + std::string(std::strerror(errno)),
               path.string());
}

// Those whose process is gone: nobody holds their lock. The caller holds the gate, so none is about to be locked.
void sweep(const fs::path& cache) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(cache, ignored)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) fs::remove_all(entry.path(), ignored);
    ::close(fd);
  }
}

}  // namespace

Result<ScratchFolder> ScratchFolder::make(const fs::path& cache) {
  std::error_code failure;
  fs::create_directories(cache, failure);
  // One process at a time sweeps and makes: a new folder is locked before anybody else looks at it.
  const int gate = ::open((cache / gate_name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (gate < 0) return cannot_make(cache);
  ::flock(gate, LOCK_EX);
  sweep(cache);
  std::string path = (cache / (std::string(prefix) + "XXXXXX")).string();
  const int lock_fd = ::mkdtemp(path.data()) ? ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  const Error error = cannot_make(cache);
  if (lock_fd >= 0) ::flock(lock_fd, LOCK_EX | LOCK_NB);
  ::close(gate);
  if (lock_fd < 0) return error;
  return ScratchFolder(std::move(path), lock_fd);
}

ScratchFolder::ScratchFolder(fs::path path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {
  const std::lock_guard lock(mutex);
  ours.insert(path_);
}

ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

ScratchFolder::~ScratchFolder() {
  if (lock_fd_ < 0) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  ::close(lock_fd_);
  const std::lock_guard lock(mutex);
  ours.erase(path_);
}

void remove_scratch_folders() {
  const std::lock_guard lock(mutex);
  for (const fs::path& path : ours) {
    // The thread that works in it may add a file meanwhile.
    std::error_code failure;
    for (int tries = 0; tries < 3 && fs::exists(path); ++tries) fs::remove_all(path, failure);
  }
}

}  // namespace hearth::llm::infer
