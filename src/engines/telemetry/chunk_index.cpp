#include "engines/telemetry/chunk_index.h"

#include <algorithm>
#include <utility>

#include "engines/telemetry/binary.h"

namespace hearth::telemetry {
namespace {

// telemetry / samples|events / NAME / newest time / seal / part -> where the chunk lies
// telemetry / blob / ID -> how many chunks live in it
// telemetry / removal / STREAM, telemetry / samples-floor, telemetry / seal-state
constexpr std::string_view table = "telemetry";

std::string_view table_of(ChunkKind kind) {
  return kind == ChunkKind::samples ? "samples" : "events";
}

// Unsigned numbers in the order of the signed ones.
std::uint64_t ordered(std::int64_t time_ms) {
  return static_cast<std::uint64_t>(time_ms) ^ std::uint64_t{1} << 63;
}
std::int64_t from_ordered(std::uint64_t number) {
  return static_cast<std::int64_t>(number ^ std::uint64_t{1} << 63);
}

std::string seal_state_key() {
  return make_key(table, "seal-state");
}
std::string samples_floor_key() {
  return make_key(table, "samples-floor");
}
std::string blob_key(const BlobId& blob) {
  return make_key(table, "blob", blob.value);
}

std::string chunks_prefix(ChunkKind kind, std::string_view name) {
  return make_key(table, table_of(kind), name);
}

std::string chunk_key(const Chunk& chunk) {
  KeyBuilder key;
  key.text(table).text(table_of(chunk.kind)).text(chunk.name);
  key.number(ordered(chunk.max_ms)).number(chunk.seal).number(chunk.part);
  return std::move(key).take();
}

// Chunks whose newest item is not older than `start_ms`.
KeyRange chunks_since(ChunkKind kind, std::string_view name, std::int64_t start_ms) {
  const std::string prefix = chunks_prefix(kind, name);
  KeyBuilder start;
  start.number(ordered(start_ms));
  return {prefix + start.bytes(), after_prefix(prefix)};
}

std::string encode_place(const Chunk& chunk) {
  std::string value;
  put_fixed(value, chunk.min_ms);
  put_varint(value, chunk.offset);
  put_varint(value, chunk.size_bytes);
  value += chunk.blob.value;
  return value;
}

Result<Chunk> decode_chunk(ChunkKind kind, const KeyValue& row) {
  Chunk chunk{.kind = kind};
  KeyReader key(row.key);
  (void)key.take_text();
  (void)key.take_text();
  chunk.name = key.take_text();
  chunk.max_ms = from_ordered(key.take_number());
  chunk.seal = key.take_number();
  chunk.part = key.take_number();
  BinaryReader value(row.value);
  chunk.min_ms = value.fixed<std::int64_t>();
  chunk.offset = value.varint();
  chunk.size_bytes = value.varint();
  chunk.blob.value = value.raw(value.size_bytes());
  if (!value.good()) return Error(ErrorKind::corrupt, "a telemetry index row does not decode");
  return chunk;
}

std::string encode_number(std::uint64_t number) {
  std::string value;
  put_varint(value, number);
  return value;
}
std::uint64_t decode_number(std::string_view value) {
  return BinaryReader(value).varint();
}

std::string encode_state(const SealState& state) {
  return encode_number(state.sealed_through) + encode_number(state.next_sequence);
}

std::string removal_key(std::string_view stream) {
  return make_key(table, "removal", stream);
}

std::string encode_removal(const Removal& removal) {
  std::string value;
  put_varint(value, removal.before_sequence);
  put_fixed(value, removal.before_ms);
  put_varint(value, removal.before_ms_up_to_sequence);
  return value;
}

Removal decode_removal(std::string_view bytes) {
  BinaryReader value(bytes);
  Removal removal;
  removal.before_sequence = value.varint();
  removal.before_ms = value.fixed<std::int64_t>();
  removal.before_ms_up_to_sequence = value.varint();
  return removal;
}

Async<Removal> find_removal(Transaction& tx, std::string_view stream) {
  const std::string key = removal_key(stream);
  CO_TRY(const auto value, co_await tx.get(key));
  co_return value ? decode_removal(*value) : Removal();
}

constexpr std::size_t page_size = 500;

}  // namespace

void Removal::add(const Removal& more) {
  before_sequence = std::max(before_sequence, more.before_sequence);
  if (std::pair(more.before_ms, more.before_ms_up_to_sequence) <= std::pair(before_ms, before_ms_up_to_sequence))
    return;
  before_ms = more.before_ms;
  before_ms_up_to_sequence = more.before_ms_up_to_sequence;
}

Async<SealState> ChunkIndex::seal_state() {
  const std::string key = seal_state_key();
  CO_TRY(const auto value, co_await store_.get(key));
  SealState state;
  if (!value) co_return state;
  BinaryReader reader(*value);
  state.sealed_through = reader.varint();
  state.next_sequence = reader.varint();
  co_return state;
}

Async<std::size_t> ChunkIndex::add_seal(SealState state, BlobId blob, std::vector<Chunk> chunks) {
  std::size_t kept_count = 0;
  // A removal that is not seen here commits later, and then finds these chunks by itself.
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    kept_count = 0;
    const std::string* stream = nullptr;
    Removal removal;
    for (const Chunk& chunk : chunks) {
      const bool is_events = chunk.kind == ChunkKind::events;
      if (is_events && (!stream || *stream != chunk.name)) {
        stream = &chunk.name;
        CO_TRY(removal, co_await find_removal(tx, *stream));
      }
      if (is_events && removal.covers(chunk)) continue;
      tx.put(chunk_key(chunk), encode_place(chunk));
      ++kept_count;
    }
    if (kept_count > 0) tx.put(blob_key(blob), encode_number(kept_count));
    tx.put(seal_state_key(), encode_state(state));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return kept_count;
}

Async<std::vector<Chunk>> ChunkIndex::find(ChunkKind kind, std::string_view name, TimeSpan span) {
  std::vector<Chunk> chunks;
  KeyRange range = chunks_since(kind, name, span.start_ms);
  for (;;) {
    CO_TRY(const auto rows, co_await store_.scan(range, page_size));
    for (const KeyValue& row : rows) {
      CO_TRY(Chunk chunk, decode_chunk(kind, row));
      if (chunk.min_ms < span.end_ms) chunks.push_back(std::move(chunk));
    }
    if (rows.size() < page_size) co_return chunks;
    range.begin = rows.back().key + '\0';
  }
}

Async<std::vector<Chunk>> ChunkIndex::find_newest(ChunkKind kind, std::string_view name, TimeSpan span,
                                                  const Chunk* last, std::size_t limit) {
  std::vector<Chunk> chunks;
  KeyRange range = chunks_since(kind, name, span.start_ms);
  if (last) range.end = chunk_key(*last);
  while (chunks.size() < limit) {
    CO_TRY(const auto rows, co_await store_.scan(range, limit, true));
    for (const KeyValue& row : rows) {
      CO_TRY(Chunk chunk, decode_chunk(kind, row));
      if (chunk.min_ms < span.end_ms && chunks.size() < limit) chunks.push_back(std::move(chunk));
    }
    if (rows.size() < limit) break;
    range.end = rows.back().key;
  }
  co_return chunks;
}

// Jumps from name to name, over all the chunks in between.
Async<std::vector<std::string>> ChunkIndex::names(ChunkKind kind, std::string_view prefix, std::string_view after,
                                                  std::size_t limit) {
  constexpr std::size_t terminator_bytes = 2;  // what ends a text part of a key (base/key.cpp)
  const std::string kind_prefix = make_key(table, table_of(kind));
  std::string first = chunks_prefix(kind, prefix);
  first.resize(first.size() - terminator_bytes);
  KeyRange range{first, after_prefix(kind_prefix)};
  if (after >= prefix) range.begin = after_prefix(chunks_prefix(kind, after));

  std::vector<std::string> names;
  while (names.size() < limit) {
    CO_TRY(const auto rows, co_await store_.scan(range, 1));
    if (rows.empty()) break;
    CO_TRY(Chunk chunk, decode_chunk(kind, rows.front()));
    if (!chunk.name.starts_with(prefix)) break;
    range.begin = after_prefix(chunks_prefix(kind, chunk.name));
    names.push_back(std::move(chunk.name));
  }
  co_return names;
}

Async<std::vector<BlobId>> ChunkIndex::remove(std::vector<Chunk> chunks) {
  std::vector<BlobId> unused;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    unused.clear();
    std::map<BlobId, std::uint64_t> removed_counts;
    for (const Chunk& chunk : chunks) {
      const std::string key = chunk_key(chunk);
      // Somebody else may be removing the same chunk: count each one once.
      CO_TRY(const auto present, co_await tx.get(key));
      if (!present) continue;
      tx.remove(key);
      ++removed_counts[chunk.blob];
    }
    for (const auto& [blob, removed_count] : removed_counts) {
      const std::string key = blob_key(blob);
      CO_TRY(const auto value, co_await tx.get(key));
      const std::uint64_t count = value ? decode_number(*value) : 0;
      if (count > removed_count) {
        tx.put(key, encode_number(count - removed_count));
      } else {
        tx.remove(key);
        unused.push_back(blob);
      }
    }
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return unused;
}

Async<bool> ChunkIndex::names_blob(const BlobId& blob) {
  const std::string key = blob_key(blob);
  CO_TRY(const auto value, co_await store_.get(key));
  co_return value.has_value();
}

Async<std::map<std::string, Removal, std::less<>>> ChunkIndex::removals() {
  std::map<std::string, Removal, std::less<>> removals;
  KeyRange range = KeyRange::prefix(make_key(table, "removal"));
  for (;;) {
    CO_TRY(const auto rows, co_await store_.scan(range, page_size));
    for (const KeyValue& row : rows) {
      KeyReader key(row.key);
      (void)key.take_text();
      (void)key.take_text();
      removals[key.take_text()] = decode_removal(row.value);
    }
    if (rows.size() < page_size) co_return removals;
    range.begin = rows.back().key + '\0';
  }
}

// Two removals at a time must not undo each other.
Async<void> ChunkIndex::add_removal(std::string_view stream, Removal more) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(Removal removal, co_await find_removal(tx, stream));
    removal.add(more);
    tx.put(removal_key(stream), encode_removal(removal));
    co_return ok;
  };
  co_return co_await transact(store_, body);
}

Async<std::int64_t> ChunkIndex::samples_floor() {
  const std::string key = samples_floor_key();
  CO_TRY(const auto value, co_await store_.get(key));
  co_return value ? BinaryReader(*value).fixed<std::int64_t>() : std::numeric_limits<std::int64_t>::min();
}

Async<void> ChunkIndex::put_samples_floor(std::int64_t before_ms) {
  std::string value;
  put_fixed(value, before_ms);
  auto tx = store_.begin();
  tx->put(samples_floor_key(), std::move(value));
  co_return co_await store_.commit(std::move(tx));
}

Async<void> ChunkIndex::clear(SealState state) {
  const KeyRange everything = KeyRange::prefix(make_key(table));
  for (;;) {
    CO_TRY(const auto rows, co_await store_.scan(everything, page_size));
    auto tx = store_.begin();
    for (const KeyValue& row : rows) tx->remove(row.key);
    const bool is_last = rows.size() < page_size;
    if (is_last) tx->put(seal_state_key(), encode_state(state));
    CO_TRY_DO(co_await store_.commit(std::move(tx)));
    if (is_last) co_return ok;
  }
}

}  // namespace hearth::telemetry
