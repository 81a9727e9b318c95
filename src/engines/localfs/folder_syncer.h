// fsync of folders, shared by all who ask at the same time. Private to engines/localfs. Safe from any thread; blocks.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::localfs {

class FolderSyncer {
 public:
  // Every entry made before the call in the first of `folders`, innermost first, is durable when it returns, and so is
  // the way to it: each of the others is synced the first time that its inner neighbour is asked for. Whoever comes
  // while a round runs joins the next one, which one of the waiting then runs for all of them; when a round fails, it
  // fails for everybody in it.
  Result<void> sync(const std::vector<std::string>& folders);
  // For when folders were removed: the way to new ones of the same names is synced again.
  void forget();

 private:
  struct Round {
    std::set<std::string> folders;
    bool is_done = false;
    Result<void> result = ok;
  };
  static Result<void> sync_all(const std::set<std::string>& folders);

  std::mutex mutex_;
  std::condition_variable round_ended_;
  bool is_running_ = false;
  std::set<std::string> reachable_;                                // folders whose own names are durable
  std::shared_ptr<Round> next_round_ = std::make_shared<Round>();  // last used by the last of its callers
};

}  // namespace hearth::localfs
