// Immutable byte strings, each named by a BlobId the store chooses.
// A blob exists once put() returns; it matters once a committed metadata row names it. Blobs no row names are swept
// later. Safe from any thread. Implemented by engines/localfs, engines/memory; contract: ports/blob_store_contract.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace hearth {

struct BlobId {
  std::string value;
  auto operator<=>(const BlobId&) const = default;
};

struct BlobInfo {
  BlobId id;
  std::uint64_t size_bytes = 0;
};

class BlobStore {
 public:
  virtual ~BlobStore() = default;

  // Reads `body` to its end; the bytes are durable when this returns. If the body fails nothing is kept.
  virtual Async<BlobInfo> put(ByteSource& body) = 0;

  // Streams the bytes in `range`, both ends included. not_found if there is no such blob, invalid if the range is
  // outside. A local engine's source has file_slice(). A blob removed while being read is read to its end.
  virtual Async<std::unique_ptr<ByteSource>> open(const BlobId& id, ByteRange range) = 0;

  // Removing a blob that is already gone succeeds, so a sweep can be retried.
  virtual Async<void> remove(const BlobId& id) = 0;

  // Blobs put before `before`, in id order after `after`; for the sweep.
  virtual Async<std::vector<BlobInfo>> list(const BlobId& after, TimePoint before, std::size_t limit) = 0;

  // Wipes everything. --test-mode only.
  virtual Async<void> clear() = 0;
};

}  // namespace hearth
