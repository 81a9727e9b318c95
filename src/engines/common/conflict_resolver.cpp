#include "engines/common/conflict_resolver.h"

#include <algorithm>

namespace hearth {
namespace {

// A map node, its string header and the window entry, roughly.
constexpr std::size_t entry_overhead_bytes = 112;

std::size_t entry_bytes(const std::string& key) {
  return entry_overhead_bytes + key.size();
}

}  // namespace

bool ConflictResolver::conflicts(const ReadSet& reads) const {
  if (reads.keys.empty() && reads.ranges.empty()) return false;
  if (reads.version >= newest_) return false;
  if (reads.version < forgotten_) return true;

  const auto key_changed = [&](const std::string& key) {
    const auto found = latest_writes_.find(key);
    return found != latest_writes_.end() && found->second > reads.version;
  };
  const auto any_key_changed = [&](const KeyRange& range) { return range_changed(range, reads.version); };
  return std::ranges::any_of(reads.keys, key_changed) || std::ranges::any_of(reads.ranges, any_key_changed);
}

bool ConflictResolver::range_changed(const KeyRange& range, CommitVersion since) const {
  for (auto it = latest_writes_.lower_bound(range.begin); it != latest_writes_.end(); ++it) {
    if (!range.end.empty() && it->first >= range.end) return false;
    if (it->second > since) return true;
  }
  return false;
}

void ConflictResolver::record(CommitVersion version, const WriteSet& writes) {
  newest_ = version;
  for (const auto& [key, value] : writes) {
    const auto entry = latest_writes_.insert_or_assign(key, version).first;
    window_.push_back({version, entry});
    window_bytes_ += entry_bytes(key);
  }
  shrink_window();
}

void ConflictResolver::forget(CommitVersion version) {
  newest_ = version;
  forgotten_ = version;
  latest_writes_.clear();
  window_.clear();
  window_bytes_ = 0;
}

// Whole commits leave together, so that `forgotten_` tells the truth about each of them.
void ConflictResolver::shrink_window() {
  while (window_bytes_ > window_bytes_max_ && !window_.empty()) {
    forgotten_ = window_.front().version;
    while (!window_.empty() && window_.front().version == forgotten_) {
      const auto entry = window_.front().key;
      window_bytes_ -= entry_bytes(entry->first);
      if (entry->second == forgotten_) latest_writes_.erase(entry);
      window_.pop_front();
    }
  }
}

}  // namespace hearth
