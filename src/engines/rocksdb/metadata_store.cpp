#include "engines/rocksdb/metadata_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/iterator.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "engines/common/conflict_resolver.h"
#include "engines/common/group_queue.h"
#include "engines/common/optimistic_transaction.h"
#include "engines/rocksdb/log_file_system.h"

namespace hearth {
namespace {

Error to_error(const rocksdb::Status& status) {
  const std::string detail = "rocksdb: " + status.ToString();
  if (status.IsNoSpace()) return Error(ErrorKind::no_space, "the disk is full", detail);
  if (status.IsCorruption()) return Error(ErrorKind::corrupt, "stored rows are damaged", detail);
  return Error(ErrorKind::unavailable, "the metadata store is not available", detail);
}

// RocksDB's own warnings in our log; no LOG files beside the rows.
class RocksDbLogger final : public rocksdb::Logger {
 public:
  RocksDbLogger() : Logger(rocksdb::WARN_LEVEL) {}
  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override { Logv(rocksdb::INFO_LEVEL, format, arguments); }
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < GetInfoLogLevel() || level == rocksdb::HEADER_LEVEL) return;
    char text[500];
    std::vsnprintf(text, sizeof text, format, arguments);
    log::write(level >= rocksdb::ERROR_LEVEL ? log::Level::error : log::Level::warning, "rocksdb", {{"says", text}});
  }
};

rocksdb::Options make_options(const RocksDbOptions& ours, rocksdb::Env& files) {
  rocksdb::LRUCacheOptions cache;
  cache.capacity = ours.cache_bytes;
  cache.num_shard_bits = 2;

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(cache);
  table.cache_index_and_filter_blocks = true;  // else their memory grows with the number of files
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;

  rocksdb::Options options;
  options.env = &files;
  options.create_if_missing = true;
  options.max_bgerror_resume_count = 0;  // write_durably() resumes
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = ours.write_buffer_bytes;
  options.max_write_buffer_number = 3;
  options.compression = rocksdb::kLZ4Compression;
  options.max_background_jobs = 2;
  options.max_open_files = 256;
  options.max_file_opening_threads = 1;
  options.table_cache_numshardbits = 2;
  // Our committer is the only writer.
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;
  // A fast open: replay into memory, look at no file that nobody asked for.
  options.avoid_flush_during_recovery = true;
  options.skip_stats_update_on_db_open = true;
  options.skip_checking_sst_file_sizes_on_db_open = true;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log = std::make_shared<RocksDbLogger>();
  return options;
}

class RocksDbMetadataStore final : public MetadataStore {
 public:
  RocksDbMetadataStore(std::unique_ptr<rocksdb::Env> files, std::unique_ptr<rocksdb::DB> db, Executor& pool)
      : pool_(pool),
        files_(std::move(files)),
        db_(std::move(db)),
        committer_("rocksdb commit", [this](const auto& group) { commit_group(group); }) {}

  ~RocksDbMetadataStore() override;

  Async<std::optional<std::string>> get(std::string_view key) override { return get_at(key, nullptr); }
  Async<std::vector<KeyValue>> scan(KeyRange range, std::size_t limit, bool reverse) override;
  std::unique_ptr<Transaction> begin() override;
  Async<void> commit(std::unique_ptr<Transaction> transaction) override;
  Async<void> clear() override;

 private:
  class SnapshotTransaction;

  struct Commit : GroupWork {
    const OptimisticTransaction* transaction = nullptr;  // null: clear everything
  };

  Async<std::optional<std::string>> get_at(std::string_view key, const rocksdb::Snapshot* snapshot);
  Async<std::vector<KeyValue>> scan_at(const KeyRange& range, std::size_t limit, bool reverse,
                                       const rocksdb::Snapshot* snapshot);
  rocksdb::Status read_rows(const KeyRange& range, std::size_t limit, bool reverse, rocksdb::ReadOptions read,
                            std::vector<KeyValue>& rows);

  void commit_group(const std::vector<Commit*>& group);
  void add_to_batch(Commit& commit, CommitVersion version, rocksdb::WriteBatch& batch);
  rocksdb::Status add_removal_of_all(rocksdb::WriteBatch& batch);
  rocksdb::Status write_durably(rocksdb::WriteBatch& batch);

  Executor& pool_;
  std::unique_ptr<rocksdb::Env> files_;
  std::unique_ptr<rocksdb::DB> db_;
  std::atomic<CommitVersion> published_version_ = 0;  // every commit up to here is visible to new snapshots

  // The committer thread's own.
  ConflictResolver resolver_;
  CommitVersion version_ = 0;
  bool write_failed_ = false;
  GroupQueue<Commit> committer_;  // last: its thread uses everything above
};

class RocksDbMetadataStore::SnapshotTransaction final : public OptimisticTransaction {
 public:
  // The version is read first: the snapshot may be newer than it says, which costs at most a needless conflict.
  SnapshotTransaction(RocksDbMetadataStore& store, CommitVersion version)
      : OptimisticTransaction(version), store_(store), snapshot_(store.db_->GetSnapshot()) {}
  ~SnapshotTransaction() override { store_.db_->ReleaseSnapshot(snapshot_); }

 private:
  Async<std::optional<std::string>> get_committed(std::string_view key) override {
    return store_.get_at(key, snapshot_);
  }
  Async<std::vector<KeyValue>> scan_committed(const KeyRange& range, std::size_t limit, bool reverse) override {
    return store_.scan_at(range, limit, reverse, snapshot_);
  }

  RocksDbMetadataStore& store_;
  const rocksdb::Snapshot* snapshot_;
};

// After a clean end there is no log to replay, so the next open is quick.
RocksDbMetadataStore::~RocksDbMetadataStore() {
  committer_.stop();
  const rocksdb::Status flushed = db_->Flush(rocksdb::FlushOptions());
  if (!flushed.ok()) log::warning("rows stay in the log until the next open", {{"why", flushed.ToString()}});
}

Async<std::optional<std::string>> RocksDbMetadataStore::get_at(std::string_view key,
                                                               const rocksdb::Snapshot* snapshot) {
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;
  std::string value;
  const rocksdb::Slice wanted(key.data(), key.size());

  read.read_tier = rocksdb::kBlockCacheTier;
  rocksdb::Status status = db_->Get(read, db_->DefaultColumnFamily(), wanted, &value);
  if (status.IsIncomplete()) {
    read.read_tier = rocksdb::kReadAllTier;
    status = co_await offload(pool_, [&] { return db_->Get(read, db_->DefaultColumnFamily(), wanted, &value); });
  }
  if (status.IsNotFound()) co_return std::optional<std::string>();
  if (!status.ok()) co_return to_error(status);
  co_return std::optional(std::move(value));
}

Async<std::vector<KeyValue>> RocksDbMetadataStore::scan(KeyRange range, std::size_t limit, bool reverse) {
  co_return co_await scan_at(range, limit, reverse, nullptr);
}

Async<std::vector<KeyValue>> RocksDbMetadataStore::scan_at(const KeyRange& range, std::size_t limit, bool reverse,
                                                           const rocksdb::Snapshot* snapshot) {
  std::vector<KeyValue> rows;
  if (limit == 0 || (!range.end.empty() && range.end <= range.begin)) co_return rows;
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;

  read.read_tier = rocksdb::kBlockCacheTier;
  rocksdb::Status status = read_rows(range, limit, reverse, read, rows);
  if (status.IsIncomplete()) {
    read.read_tier = rocksdb::kReadAllTier;
    status = co_await offload(pool_, [&] { return read_rows(range, limit, reverse, read, rows); });
  }
  if (!status.ok()) co_return to_error(status);
  co_return rows;
}

rocksdb::Status RocksDbMetadataStore::read_rows(const KeyRange& range, std::size_t limit, bool reverse,
                                                rocksdb::ReadOptions read, std::vector<KeyValue>& rows) {
  rows.clear();
  const rocksdb::Slice first(range.begin), last(range.end);
  read.iterate_lower_bound = &first;
  if (!range.end.empty()) read.iterate_upper_bound = &last;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read));
  if (reverse)
    it->SeekToLast();
  else
    it->SeekToFirst();
  while (it->Valid() && rows.size() < limit) {
    rows.push_back({it->key().ToString(), it->value().ToString()});
    if (reverse)
      it->Prev();
    else
      it->Next();
  }
  return it->status();
}

std::unique_ptr<Transaction> RocksDbMetadataStore::begin() {
  const CommitVersion version = published_version_.load(std::memory_order_acquire);
  return std::make_unique<SnapshotTransaction>(*this, version);
}

Async<void> RocksDbMetadataStore::commit(std::unique_ptr<Transaction> transaction) {
  auto& ours = static_cast<SnapshotTransaction&>(*transaction);
  if (ours.writes().empty()) co_return ok;  // it saw one state, which is all that was promised
  Commit commit;
  commit.transaction = &ours;
  co_return co_await committer_.wait_for(commit);
}

Async<void> RocksDbMetadataStore::clear() {
  Commit clear_all;
  co_return co_await committer_.wait_for(clear_all);
}

void RocksDbMetadataStore::commit_group(const std::vector<Commit*>& group) {
  rocksdb::WriteBatch batch;
  for (Commit* commit : group) add_to_batch(*commit, version_ + 1, batch);
  const rocksdb::Status status = batch.Count() == 0 ? rocksdb::Status::OK() : write_durably(batch);
  // Published even when the write failed: the resolver has recorded it, so a reader that stayed at an older version
  // would conflict with rows that never were, for ever.
  published_version_.store(version_, std::memory_order_release);
  if (status.ok()) return;
  for (Commit* commit : group)
    if (commit->result) commit->result = to_error(status);
}

void RocksDbMetadataStore::add_to_batch(Commit& commit, CommitVersion version, rocksdb::WriteBatch& batch) {
  if (!commit.transaction) {
    resolver_.forget(version_ = version);
    const rocksdb::Status status = add_removal_of_all(batch);
    if (!status.ok()) commit.result = to_error(status);
    return;
  }
  const OptimisticTransaction& transaction = *commit.transaction;
  if (resolver_.conflicts(transaction.reads())) {
    commit.result = Error(ErrorKind::conflict, "a row that was read has changed");
    return;
  }
  resolver_.record(version_ = version, transaction.writes());
  for (const auto& [key, value] : transaction.writes()) {
    if (value)
      batch.Put(key, *value);
    else
      batch.Delete(key);
  }
}

// Later entries of a batch win, so rows that came earlier in the same group go too: the range covers the rows of the
// store, and whatever the batch itself has put so far is dropped.
rocksdb::Status RocksDbMetadataStore::add_removal_of_all(rocksdb::WriteBatch& batch) {
  batch.Clear();
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
  it->SeekToLast();
  if (it->Valid()) batch.DeleteRange(rocksdb::Slice(), it->key().ToString() + '\0');
  return it->status();
}

rocksdb::Status RocksDbMetadataStore::write_durably(rocksdb::WriteBatch& batch) {
  // After a failed write (a full disk) RocksDB refuses all others until it is told to try again.
  if (write_failed_) {
    const rocksdb::Status resumed = db_->Resume();
    if (!resumed.ok()) return resumed;
    write_failed_ = false;
  }
  rocksdb::WriteOptions write;
  write.sync = true;
  const rocksdb::Status status = db_->Write(write, &batch);
  if (!status.ok()) {
    write_failed_ = true;
    log::error("cannot write rows", {{"why", status.ToString()}});
  }
  return status;
}

}  // namespace

Result<std::unique_ptr<MetadataStore>> open_rocksdb_metadata_store(const RocksDbOptions& options, Executor& pool) {
  TRY_DO(make_folders(options.folder));
  std::unique_ptr<rocksdb::Env> files = make_log_file_system();
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(make_options(options, *files), options.folder.string(), &db);
  if (status.IsIOError() && status.ToString().find("lock") != std::string::npos)
    return Error(ErrorKind::unavailable, "another process uses this data folder", status.ToString());
  if (!status.ok()) return to_error(status);
  return std::make_unique<RocksDbMetadataStore>(std::move(files), std::unique_ptr<rocksdb::DB>(db), pool);
}

}  // namespace hearth
