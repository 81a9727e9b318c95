// Rows in memory, with the same transactions as engines/rocksdb. For tests. Safe from any thread.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <set>

#include "engines/common/conflict_resolver.h"
#include "ports/metadata_store.h"

namespace hearth {

class MemoryMetadataStore final : public MetadataStore {
 public:
  Async<std::optional<std::string>> get(std::string_view key) override;
  Async<std::vector<KeyValue>> scan(KeyRange range, std::size_t limit, bool reverse = false) override;
  std::unique_ptr<Transaction> begin() override;
  Async<void> commit(std::unique_ptr<Transaction> transaction) override;
  Async<void> clear() override;

 private:
  class SnapshotTransaction;

  struct Version {
    CommitVersion version;
    std::optional<std::string> value;  // nothing: removed
  };
  struct Removal {
    CommitVersion version;
    std::string key;
  };
  using Rows = std::map<std::string, std::vector<Version>, std::less<>>;  // versions oldest first

  // All need mutex_.
  static const std::string* visible(const std::vector<Version>& versions, CommitVersion at);
  std::optional<std::string> get_at(std::string_view key, CommitVersion at) const;
  std::vector<KeyValue> scan_at(const KeyRange& range, std::size_t limit, bool reverse, CommitVersion at) const;
  void drop_unseen_versions(Rows::iterator row);
  void drop_unseen_removals();
  CommitVersion oldest_in_use() const;

  std::mutex mutex_;
  Rows rows_;
  std::deque<Removal> removals_;
  CommitVersion version_ = 0;
  std::multiset<CommitVersion> open_snapshots_;
  ConflictResolver resolver_;
};

}  // namespace hearth
