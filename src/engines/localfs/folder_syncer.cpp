#include "engines/localfs/folder_syncer.h"

#include <fcntl.h>

#include "engines/localfs/file.h"

namespace hearth::localfs {

Result<void> FolderSyncer::sync(const std::vector<std::string>& folders) {
  std::unique_lock lock(mutex_);
  const std::shared_ptr<Round> round = next_round_;
  for (const std::string& folder : folders) {
    round->folders.insert(folder);
    if (reachable_.contains(folder)) break;
  }
  round_ended_.wait(lock, [&] { return round->is_done || !is_running_; });
  if (!round->is_done) {
    is_running_ = true;
    next_round_ = std::make_shared<Round>();
    lock.unlock();
    Result<void> result = sync_all(round->folders);
    lock.lock();
    if (result) reachable_.insert(round->folders.begin(), round->folders.end());
    round->result = std::move(result);
    round->is_done = true;
    is_running_ = false;
    round_ended_.notify_all();
  }
  return round->result;
}

Result<void> FolderSyncer::sync_all(const std::set<std::string>& folders) {
  for (const std::string& folder : folders) {
    const File opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened) return errno_error("open folder");
    if (::fsync(opened.fd()) != 0) return errno_error("fsync folder");
  }
  return ok;
}

}  // namespace hearth::localfs
