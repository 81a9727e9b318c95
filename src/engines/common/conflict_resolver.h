// Says whether what a transaction read has changed since, from the keys that recent commits wrote.
// Not thread-safe: its owner calls it under a lock or from one committer thread. Used by engines/memory,
// engines/rocksdb.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ports/metadata_store.h"

namespace hearth {

// Commits are numbered upwards from 1; 0 is the state at open.
using CommitVersion = std::uint64_t;

// Nothing for a value means that the key is removed.
using WriteSet = std::map<std::string, std::optional<std::string>, std::less<>>;

// What a transaction looked at, in the state that commit `version` left.
struct ReadSet {
  CommitVersion version = 0;
  std::vector<std::string> keys;
  std::vector<KeyRange> ranges;
};

class ConflictResolver {
 public:
  // Older commits are forgotten when the keys of the newer ones take more than this; whoever read before them
  // conflicts.
  explicit ConflictResolver(std::size_t window_bytes_max = 4 << 20) : window_bytes_max_(window_bytes_max) {}

  bool conflicts(const ReadSet& reads) const;
  // `version` is greater than any recorded before.
  void record(CommitVersion version, const WriteSet& writes);
  // Everything up to `version` counts as changed.
  void forget(CommitVersion version);

 private:
  using LatestWrites = std::map<std::string, CommitVersion, std::less<>>;
  struct Write {
    CommitVersion version;
    LatestWrites::iterator key;  // valid until the key's newest write leaves the window
  };

  bool range_changed(const KeyRange& range, CommitVersion since) const;
  void shrink_window();

  std::size_t window_bytes_max_;
  std::size_t window_bytes_ = 0;
  CommitVersion newest_ = 0;
  CommitVersion forgotten_ = 0;  // the newest commit that is no longer in the window
  LatestWrites latest_writes_;
  std::deque<Write> window_;
};

}  // namespace hearth
