// Metric samples and log events on this machine: a write-ahead log first, compressed blocks later. Safe from any
// thread.
#pragma once

#include <filesystem>
#include <memory>

#include "base/executor.h"
#include "ports/blob_store.h"
#include "ports/metadata_store.h"
#include "ports/telemetry_store.h"

namespace hearth {

struct TelemetryOptions {
  std::filesystem::path log_folder;    // made when missing
  std::size_t recent_bytes = 4 << 20;  // kept in memory before it is sealed into a block
};

class BlockTelemetryStore : public TelemetryStore {
 public:
  // Seals everything appended so far without waiting for more. Blocks: for tests, tools and plain threads.
  virtual Result<void> seal_now() = 0;
};

// Index rows go to `metadata`, beside other rows. `blobs` must be this store's own: what it does not know it removes.
// `pool` runs what blocks.
Result<std::unique_ptr<BlockTelemetryStore>> open_block_telemetry_store(const TelemetryOptions& options,
                                                                        MetadataStore& metadata, BlobStore& blobs,
                                                                        Executor& pool);

}  // namespace hearth
