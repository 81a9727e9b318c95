// A Transaction over a snapshot: buffers its writes, remembers what it read, and sees its own writes.
// An engine derives from it, adds the two reads of its snapshot, and gives reads() and writes() to its
// ConflictResolver.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engines/common/conflict_resolver.h"
#include "ports/metadata_store.h"

namespace hearth {

class OptimisticTransaction : public Transaction {
 public:
  Async<std::optional<std::string>> get(std::string_view key) final;
  Async<std::vector<KeyValue>> scan(KeyRange range, std::size_t limit, bool reverse) final;
  void put(std::string_view key, std::string value) final;
  void remove(std::string_view key) final;

  const ReadSet& reads() const { return reads_; }
  const WriteSet& writes() const { return writes_; }
  WriteSet take_writes() { return std::move(writes_); }

 protected:
  explicit OptimisticTransaction(CommitVersion version) { reads_.version = version; }

 private:
  // The committed state at begin, without this transaction's writes.
  virtual Async<std::optional<std::string>> get_committed(std::string_view key) = 0;
  virtual Async<std::vector<KeyValue>> scan_committed(const KeyRange& range, std::size_t limit, bool reverse) = 0;

  ReadSet reads_;
  WriteSet writes_;
};

}  // namespace hearth
