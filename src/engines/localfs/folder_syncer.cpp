#include "engines/localfs/folder_syncer.h"

#include "base/file.h"

namespace hearth::localfs {
namespace {
constexpr std::size_t reachable_count_max = 1000;
}

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
    if (reachable_.size() > reachable_count_max) reachable_.clear();  // a folder a minute, for months
    if (result) reachable_.insert(round->folders.begin(), round->folders.end());
    round->result = std::move(result);
    round->is_done = true;
    is_running_ = false;
    round_ended_.notify_all();
  }
  return round->result;
}

Result<void> FolderSyncer::sync_all(const std::set<std::string>& folders) {
  for (const std::string& folder : folders) TRY_DO(sync_folder(folder));
  return ok;
}

void FolderSyncer::forget() {
  std::lock_guard lock(mutex_);
  reachable_.clear();
}

}  // namespace hearth::localfs
