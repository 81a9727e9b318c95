// Rows about sealed telemetry: where its chunks lie, what of it was removed, and how far the log is sealed.
// Private to engines/telemetry. Safe from any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ports/blob_store.h"
#include "ports/metadata_store.h"
#include "ports/telemetry_store.h"

namespace hearth::telemetry {

// Seals are numbered by the last log segment they cover.
using SealNumber = std::uint64_t;

enum class ChunkKind { samples, events };

// A chunk of one series or stream: some bytes of a blob.
struct Chunk {
  ChunkKind kind = ChunkKind::samples;
  std::string name;  // of the series or stream
  std::int64_t min_ms = 0;
  std::int64_t max_ms = 0;
  SealNumber seal = 0;
  std::uint64_t part = 0;  // within its seal, in time order
  BlobId blob;
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t max_sequence = 0;  // of events on their way into the index; it does not keep it
};

// What of a stream's events is gone, although their bytes may still be there.
struct Removal {
  std::uint64_t before_sequence = 0;
  std::int64_t before_ms = std::numeric_limits<std::int64_t>::min();
  std::uint64_t before_ms_up_to_sequence = 0;  // later arrivals with old timestamps are kept

  bool covers(const LogEvent& event) const {
    return event.sequence < before_sequence ||
           (event.timestamp_ms < before_ms && event.sequence < before_ms_up_to_sequence);
  }
  // All events of a chunk that is on its way into the index.
  bool covers(const Chunk& chunk) const {
    return chunk.max_sequence < before_sequence ||
           (chunk.max_ms < before_ms && chunk.max_sequence < before_ms_up_to_sequence);
  }
  void add(const Removal& more);
};

struct SealState {
  SealNumber sealed_through = 0;
  std::uint64_t next_sequence = 1;  // greater than that of every sealed event
};

class ChunkIndex {
 public:
  explicit ChunkIndex(MetadataStore& store) : store_(store) {}

  Async<SealState> seal_state();
  // The chunks of one seal, which lie in `blob`, and the new state, in one transaction. Leaves out what was removed
  // meanwhile, and says how many chunks that left; with none the blob is nobody's.
  Async<std::size_t> add_seal(SealState state, BlobId blob, std::vector<Chunk> chunks);

  // Chunks that overlap `span`, by the time of their newest item.
  Async<std::vector<Chunk>> find(ChunkKind kind, std::string_view name, TimeSpan span);
  // The same from the newest on, at most `limit`, continuing behind `last` unless that is null.
  Async<std::vector<Chunk>> find_newest(ChunkKind kind, std::string_view name, TimeSpan span, const Chunk* last,
                                        std::size_t limit);
  // Names that have chunks, start with `prefix` and come after `after`, in order.
  Async<std::vector<std::string>> names(ChunkKind kind, std::string_view prefix, std::string_view after,
                                        std::size_t limit);

  // Forgets chunks; those that are forgotten already do not matter. Returns the blobs that no chunk is left in; they
  // can be removed.
  Async<std::vector<BlobId>> remove(std::vector<Chunk> chunks);
  Async<bool> names_blob(const BlobId& blob);

  Async<std::map<std::string, Removal, std::less<>>> removals();
  Async<void> add_removal(std::string_view stream, Removal more);
  Async<std::int64_t> samples_floor();
  Async<void> put_samples_floor(std::int64_t before_ms);

  // Forgets everything but how far the log is sealed.
  Async<void> clear(SealState state);

 private:
  MetadataStore& store_;
};

}  // namespace hearth::telemetry
