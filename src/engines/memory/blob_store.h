// Blobs in memory, for tests. Safe from any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "ports/blob_store.h"

namespace hearth {

class MemoryBlobStore final : public BlobStore {
 public:
  explicit MemoryBlobStore(const Clock& clock) : clock_(clock) {}

  Async<BlobInfo> put(ByteSource& body) override;
  Async<std::unique_ptr<ByteSource>> open(const BlobId& id, ByteRange range) override;
  Async<void> remove(const BlobId& id) override;
  Async<std::vector<BlobInfo>> list(const BlobId& after, TimePoint before, std::size_t limit) override;
  Async<void> clear() override;

 private:
  struct Blob {
    std::shared_ptr<const std::string> bytes;  // also held by readers, who may outlive the blob
    TimePoint put_at;
  };

  const Clock& clock_;
  std::mutex mutex_;
  std::map<BlobId, Blob> blobs_;
  std::uint64_t next_id_ = 1;
};

}  // namespace hearth
