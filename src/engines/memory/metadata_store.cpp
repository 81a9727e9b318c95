#include "engines/memory/metadata_store.h"

#include <algorithm>

#include "engines/common/optimistic_transaction.h"

namespace hearth {

class MemoryMetadataStore::SnapshotTransaction final : public OptimisticTransaction {
 public:
  SnapshotTransaction(MemoryMetadataStore& store, CommitVersion version)
      : OptimisticTransaction(version), store_(store), version_(version) {}
  ~SnapshotTransaction() override {
    std::lock_guard lock(store_.mutex_);
    store_.open_snapshots_.erase(store_.open_snapshots_.find(version_));
    store_.drop_unseen_removals();
  }

 private:
  Async<std::optional<std::string>> get_committed(std::string_view key) override {
    std::lock_guard lock(store_.mutex_);
    co_return store_.get_at(key, version_);
  }
  Async<std::vector<KeyValue>> scan_committed(const KeyRange& range, std::size_t limit, bool reverse) override {
    std::lock_guard lock(store_.mutex_);
    co_return store_.scan_at(range, limit, reverse, version_);
  }

  MemoryMetadataStore& store_;
  CommitVersion version_;
};

Async<std::optional<std::string>> MemoryMetadataStore::get(std::string_view key) {
  std::lock_guard lock(mutex_);
  co_return get_at(key, version_);
}

Async<std::vector<KeyValue>> MemoryMetadataStore::scan(KeyRange range, std::size_t limit, bool reverse) {
  std::lock_guard lock(mutex_);
  co_return scan_at(range, limit, reverse, version_);
}

std::unique_ptr<Transaction> MemoryMetadataStore::begin() {
  std::lock_guard lock(mutex_);
  open_snapshots_.insert(version_);
  return std::make_unique<SnapshotTransaction>(*this, version_);
}

Async<void> MemoryMetadataStore::commit(std::unique_ptr<Transaction> transaction) {
  auto& ours = static_cast<SnapshotTransaction&>(*transaction);
  if (ours.writes().empty()) co_return ok;  // it saw one state, which is all that was promised

  std::lock_guard lock(mutex_);
  if (resolver_.conflicts(ours.reads())) co_return Error(ErrorKind::conflict, "a row that was read has changed");
  ++version_;
  resolver_.record(version_, ours.writes());
  WriteSet writes = ours.take_writes();
  for (auto& [key, value] : writes) {
    if (!value) removals_.push_back({version_, key});
    const auto row = rows_.try_emplace(key).first;
    row->second.push_back({version_, std::move(value)});
    drop_unseen_versions(row);
  }
  co_return ok;
}

Async<void> MemoryMetadataStore::clear() {
  std::lock_guard lock(mutex_);
  rows_.clear();
  removals_.clear();
  resolver_.forget(++version_);
  co_return ok;
}

const std::string* MemoryMetadataStore::visible(const std::vector<Version>& versions, CommitVersion at) {
  for (auto it = versions.rbegin(); it != versions.rend(); ++it)
    if (it->version <= at) return it->value ? &*it->value : nullptr;
  return nullptr;
}

std::optional<std::string> MemoryMetadataStore::get_at(std::string_view key, CommitVersion at) const {
  const auto row = rows_.find(key);
  if (row == rows_.end()) return std::nullopt;
  const std::string* value = visible(row->second, at);
  return value ? std::optional(*value) : std::nullopt;
}

std::vector<KeyValue> MemoryMetadataStore::scan_at(const KeyRange& range, std::size_t limit, bool reverse,
                                                   CommitVersion at) const {
  std::vector<KeyValue> found;
  if (!range.end.empty() && range.end <= range.begin) return found;
  const auto first = rows_.lower_bound(range.begin);
  const auto last = range.end.empty() ? rows_.end() : rows_.lower_bound(range.end);
  const auto take = [&](const auto& row) {
    if (const std::string* value = visible(row.second, at)) found.push_back({row.first, *value});
  };
  if (reverse) {
    for (auto it = last; it != first && found.size() < limit;) take(*--it);
  } else {
    for (auto it = first; it != last && found.size() < limit; ++it) take(*it);
  }
  return found;
}

CommitVersion MemoryMetadataStore::oldest_in_use() const {
  return open_snapshots_.empty() ? version_ : *open_snapshots_.begin();
}

// Keeps the version that the oldest open snapshot sees, and every newer one.
void MemoryMetadataStore::drop_unseen_versions(Rows::iterator row) {
  std::vector<Version>& versions = row->second;
  const CommitVersion oldest = oldest_in_use();
  auto keep = versions.begin();
  while (std::next(keep) != versions.end() && std::next(keep)->version <= oldest) ++keep;
  versions.erase(versions.begin(), keep);
  if (versions.size() == 1 && !versions.front().value && versions.front().version <= oldest) rows_.erase(row);
}

void MemoryMetadataStore::drop_unseen_removals() {
  while (!removals_.empty() && removals_.front().version <= oldest_in_use()) {
    const auto row = rows_.find(removals_.front().key);
    if (row != rows_.end()) drop_unseen_versions(row);
    removals_.pop_front();
  }
}

}  // namespace hearth
