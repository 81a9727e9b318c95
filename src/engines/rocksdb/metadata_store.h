// Rows in a RocksDB folder on this machine. Safe from any thread.
// Transactions must be gone before the store is, and the executors that wait for it after it.
#pragma once

#include <filesystem>
#include <memory>

#include "base/executor.h"
#include "ports/metadata_store.h"

namespace hearth {

struct RocksDbOptions {
  std::filesystem::path folder;              // made when missing
  std::size_t cache_bytes = 64 << 20;        // for blocks of files; taken as it is needed
  std::size_t write_buffer_bytes = 4 << 20;  // recent rows in memory; also bounds what an open after a crash replays
};

// `pool` runs reads that must touch the disk. unavailable if another process has the folder open.
Result<std::unique_ptr<MetadataStore>> open_rocksdb_metadata_store(const RocksDbOptions& options, Executor& pool);

}  // namespace hearth
