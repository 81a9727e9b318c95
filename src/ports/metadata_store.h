// Rows: an ordered map of bytes to bytes with serializable transactions. Keys are made with base/key.h.
// Safe from any thread. Implemented by engines/memory, engines/rocksdb; contract: ports/metadata_store_contract.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/key.h"

namespace hearth {

struct KeyValue {
  std::string key;
  std::string value;
};

// Keys in [begin, end); an empty `end` is the end of the store.
struct KeyRange {
  std::string begin;
  std::string end;
  static KeyRange prefix(std::string_view prefix) { return {std::string(prefix), after_prefix(prefix)}; }
};

// Reads see the state at begin plus the transaction's own writes. Not thread-safe: one coroutine at a time.
class Transaction {
 public:
  virtual ~Transaction() = default;
  virtual Async<std::optional<std::string>> get(std::string_view key) = 0;
  // At most `limit` rows in key order (descending if `reverse`).
  virtual Async<std::vector<KeyValue>> scan(KeyRange range, std::size_t limit, bool reverse = false) = 0;
  virtual void put(std::string_view key, std::string value) = 0;
  virtual void remove(std::string_view key) = 0;
};

class MetadataStore {
 public:
  virtual ~MetadataStore() = default;

  // Each sees some committed state that includes every transaction that was acknowledged before the call.
  virtual Async<std::optional<std::string>> get(std::string_view key) = 0;
  virtual Async<std::vector<KeyValue>> scan(KeyRange range, std::size_t limit, bool reverse = false) = 0;

  // Begins a transaction. Prefer transact() below, which runs the body again on conflict.
  virtual std::unique_ptr<Transaction> begin() = 0;
  // All or nothing, and durable when this returns. ErrorKind::conflict if a row or range that was read has changed.
  virtual Async<void> commit(std::unique_ptr<Transaction> transaction) = 0;

  // Wipes everything. --test-mode only.
  virtual Async<void> clear() = 0;
};

using TransactionBody = std::function<Async<void>(Transaction&)>;

// Runs `body` in a transaction and commits; on conflict runs it again from the start (so it must only touch its
// transaction and its own locals, and assign rather than append to them). An error from the body abandons the
// transaction and is returned. ErrorKind::unavailable after many conflicts in a row.
//
//   std::optional<UserRow> old;
//   const TransactionBody body = [&](Transaction& tx) -> Async<void> { … co_return ok; };
//   CO_TRY_DO(co_await transact(store_, body));
//
// A capturing coroutine lambda is safe here because `body` is a local that outlives the await.
Async<void> transact(MetadataStore& store, const TransactionBody& body);

}  // namespace hearth
