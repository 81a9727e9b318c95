#include "engines/telemetry/telemetry_store.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <set>
#include <span>

#include "base/background.h"
#include "base/log.h"
#include "engines/common/group_queue.h"
#include "engines/telemetry/chunk_codec.h"
#include "engines/telemetry/chunk_index.h"
#include "engines/telemetry/log_record.h"
#include "engines/telemetry/recent_table.h"
#include "engines/telemetry/write_ahead_log.h"

namespace hearth {
namespace {

using telemetry::Chunk;
using telemetry::ChunkIndex;
using telemetry::ChunkKind;
using telemetry::position_of;
using telemetry::RecentTable;
using telemetry::Removal;
using telemetry::SealNumber;
using telemetry::SealState;
using telemetry::WriteAheadLog;

// A page of a log should not have to unpack much more than itself.
constexpr std::size_t event_chunk_bytes = 256 << 10;

// Everything of a seal in one blob, and where each chunk of it lies.
struct SealedBlock {
  std::string bytes;
  std::vector<Chunk> chunks;

  void add(Chunk chunk, std::string encoded) {
    chunk.offset = bytes.size();
    chunk.size_bytes = encoded.size();
    bytes += encoded;
    chunks.push_back(std::move(chunk));
  }
};

class WalTelemetryStore final : public BlockTelemetryStore {
 public:
  WalTelemetryStore(const TelemetryOptions& options, MetadataStore& metadata, BlobStore& blobs, Executor& pool)
      : options_(options), index_(metadata), blobs_(blobs), pool_(pool) {}
  ~WalTelemetryStore() override;
  Result<void> open();

  Async<void> append_samples(std::vector<SeriesSample> samples) override;
  Async<void> append_events(std::string_view stream, std::vector<LogEvent> events) override;
  Async<std::vector<Sample>> samples(std::string_view series, TimeSpan span) override;
  Async<std::vector<std::string>> series(std::string_view prefix, std::string_view after, std::size_t limit) override;
  Async<std::vector<LogEvent>> events(std::string_view stream, TimeSpan span, const EventPosition* from,
                                      EventLimit limit, bool backwards) override;
  Async<void> remove_stream(std::string_view stream) override;
  Async<void> remove_events_before(std::string_view stream, std::int64_t before_ms) override;
  Async<void> remove_samples_before(std::int64_t before_ms) override;
  Async<void> clear() override;
  Result<void> seal_now() override;

 private:
  enum class Task { append_samples, append_events, rotate, clear };
  struct Work : GroupWork {
    Task task = Task::append_samples;
    std::string record;
    std::vector<SeriesSample> samples;
    std::string_view stream;
    std::vector<LogEvent> events;
  };
  // What a query found in memory, and which seals it has to look up besides.
  template <class Item>
  struct RecentItems {
    std::vector<Item> items;
    SealNumber sealed_through = 0;
  };
  // The positions a page of events may come from: [first, end).
  struct PositionSpan {
    EventPosition first, end;
    bool contains(const LogEvent& event) const { return position_of(event) >= first && position_of(event) < end; }
    bool empty() const { return !(first < end); }
  };

  // On the queue's thread.
  void handle(const std::vector<Work*>& group);
  void append(const std::vector<Work*>& group);
  void apply(Work& work);
  void rotate();
  void clear_recent();

  // Under seal_mutex_.
  Result<void> seal();
  Result<SealedBlock> build_block(const RecentTable& table, SealNumber number);
  void remove_unnamed_blobs();

  RecentItems<Sample> recent_samples(std::string_view series, TimeSpan span);
  RecentItems<LogEvent> recent_events(std::string_view stream, const PositionSpan& span);
  Removal removal_of(std::string_view stream);
  Async<std::string> read_chunk(const Chunk& chunk);
  Async<std::vector<Sample>> read_samples(const Chunk& chunk);
  Async<std::vector<LogEvent>> read_events(const Chunk& chunk, const PositionSpan& span);
  Async<std::vector<LogEvent>> events_forwards(std::string_view stream, PositionSpan span, EventLimit limit);
  Async<std::vector<LogEvent>> events_backwards(std::string_view stream, PositionSpan span, EventLimit limit);
  Async<void> remember_removal(std::string_view stream, Removal removal);
  Async<void> remove_chunks(std::vector<Chunk> chunks);
  Result<void> clear_all();

  const TelemetryOptions options_;
  ChunkIndex index_;
  BlobStore& blobs_;
  Executor& pool_;
  WriteAheadLog log_;  // the queue's thread; before that, open()
  std::atomic<std::uint64_t> next_sequence_ = 1;

  std::mutex mutex_;  // for what follows
  RecentTable active_;
  std::shared_ptr<const RecentTable> sealing_;  // shared by queries' copies, the seal in progress, and this
  SealNumber sealing_number_ = 0;
  SealNumber sealed_through_ = 0;  // seals up to here are no longer in memory
  std::map<std::string, Removal, std::less<>> removals_;
  std::int64_t samples_floor_ms_ = std::numeric_limits<std::int64_t>::min();

  std::mutex seal_mutex_;  // one seal, sweep or clear at a time
  bool swept_ = false;

  std::unique_ptr<BackgroundLoop> sealer_;
  std::unique_ptr<GroupQueue<Work>> queue_;
};

WalTelemetryStore::~WalTelemetryStore() {
  queue_.reset();
  sealer_.reset();
}

Result<void> WalTelemetryStore::open() {
  TRY(const SealState state, sync_wait(index_.seal_state()));
  TRY(removals_, sync_wait(index_.removals()));
  TRY(samples_floor_ms_, sync_wait(index_.samples_floor()));
  sealed_through_ = state.sealed_through;
  std::uint64_t next_sequence = state.next_sequence;
  for (const auto& [stream, removal] : removals_)
    next_sequence = std::max({next_sequence, removal.before_sequence, removal.before_ms_up_to_sequence});

  const auto replay = [&](std::string_view record) {
    auto decoded = telemetry::decode_record(record);
    if (!decoded) {
      log::error("skipped a telemetry log record", {{"why", decoded.error().message()}});
      return;
    }
    for (const auto& [series, sample] : decoded->samples) active_.add(series, sample);
    for (LogEvent& event : decoded->events) {
      next_sequence = std::max(next_sequence, event.sequence + 1);
      active_.add(decoded->stream, std::move(event));
    }
  };
  TRY_DO(log_.open(options_.log_folder, state.sealed_through, replay));
  next_sequence_ = next_sequence;

  constexpr std::chrono::milliseconds retry_period(2000);
  const auto step = [this] {
    std::lock_guard lock(seal_mutex_);
    if (!swept_) remove_unnamed_blobs();
    if (const auto sealed = seal(); !sealed)
      log::warning("cannot seal telemetry", {{"why", sealed.error().message()}, {"detail", sealed.error().detail()}});
  };
  sealer_ = std::make_unique<BackgroundLoop>("telemetry seal", retry_period, step);
  queue_ = std::make_unique<GroupQueue<Work>>("telemetry log", [this](const auto& group) { handle(group); });
  return ok;
}

// ---- appending

Async<void> WalTelemetryStore::append_samples(std::vector<SeriesSample> samples) {
  if (samples.empty()) co_return ok;
  Work work;
  work.record = telemetry::encode_samples(samples);
  work.samples = std::move(samples);
  co_return co_await queue_->wait_for(work);
}

Async<void> WalTelemetryStore::append_events(std::string_view stream, std::vector<LogEvent> events) {
  if (events.empty()) co_return ok;
  Work work;
  work.task = Task::append_events;
  work.record = telemetry::encode_events(stream, events);
  work.stream = stream;
  work.events = std::move(events);
  co_return co_await queue_->wait_for(work);
}

void WalTelemetryStore::handle(const std::vector<Work*>& group) {
  std::vector<Work*> appends;
  const auto flush = [&] {
    if (!appends.empty()) append(appends);
    appends.clear();
  };
  for (Work* work : group) {
    if (work->task == Task::append_samples || work->task == Task::append_events) {
      appends.push_back(work);
      continue;
    }
    flush();
    if (work->task == Task::rotate) rotate();
    if (work->task == Task::clear) clear_recent();
  }
  flush();

  const bool is_full = [&] {
    std::lock_guard lock(mutex_);
    return active_.size_bytes() >= options_.recent_bytes;
  }();
  if (is_full) rotate();
}

void WalTelemetryStore::append(const std::vector<Work*>& group) {
  constexpr std::size_t overload_factor = 4;
  Result<void> appended = ok;
  {
    std::lock_guard lock(mutex_);
    if (active_.size_bytes() > overload_factor * options_.recent_bytes)
      appended = Error(ErrorKind::unavailable, "telemetry arrives faster than it can be stored; try again");
  }
  if (appended) {
    std::vector<std::string_view> records;
    for (Work* work : group) {
      const std::uint64_t first_sequence = next_sequence_.fetch_add(work->events.size());
      for (std::size_t i = 0; i < work->events.size(); ++i) work->events[i].sequence = first_sequence + i;
      if (work->task == Task::append_events) telemetry::set_first_sequence(work->record, first_sequence);
      records.push_back(work->record);
    }
    appended = log_.append(records);
  }
  std::lock_guard lock(mutex_);
  for (Work* work : group) {
    if (appended)
      apply(*work);
    else
      work->result = appended.error();
  }
}

void WalTelemetryStore::apply(Work& work) {
  for (const auto& [series, sample] : work.samples) active_.add(series, sample);
  for (LogEvent& event : work.events) active_.add(work.stream, std::move(event));
}

// What is in memory now becomes the next seal, unless the last one is still under way.
void WalTelemetryStore::rotate() {
  {
    std::lock_guard lock(mutex_);
    if (sealing_ || active_.empty()) return;
  }
  const auto ended = log_.rotate();
  if (!ended) {
    log::warning("cannot start a telemetry log segment", {{"why", ended.error().message()}});
    return;
  }
  {
    std::lock_guard lock(mutex_);
    active_.order_all();
    sealing_ = std::make_shared<const RecentTable>(std::exchange(active_, RecentTable()));
    sealing_number_ = *ended;
  }
  sealer_->wake();
}

// ---- sealing

Result<void> WalTelemetryStore::seal() {
  std::shared_ptr<const RecentTable> table;
  SealNumber number;
  {
    std::lock_guard lock(mutex_);
    table = sealing_;
    number = sealing_number_;
  }
  if (!table) return ok;

  TRY(SealedBlock block, build_block(*table, number));
  BlobId blob;
  if (!block.chunks.empty()) {
    StringSource body(std::move(block.bytes));
    TRY(const BlobInfo info, sync_wait(blobs_.put(body)));
    blob = info.id;
    for (Chunk& chunk : block.chunks) chunk.blob = blob;
  }
  const SealState state{.sealed_through = number, .next_sequence = next_sequence_};
  const auto kept_count = sync_wait(index_.add_seal(state, blob, std::move(block.chunks)));
  if (!kept_count) {
    swept_ = false;  // the next step looks for blobs that no row names: this one, unless the commit went through
    return kept_count.error();
  }
  if (*kept_count == 0 && !blob.value.empty()) swept_ = false;
  {
    std::lock_guard lock(mutex_);
    sealing_.reset();
    sealed_through_ = number;
  }
  log_.remove_through(number);
  return ok;
}

Result<SealedBlock> WalTelemetryStore::build_block(const RecentTable& table, SealNumber number) {
  SealedBlock block;
  for (const auto& [name, samples] : table.series) {
    Chunk chunk{.kind = ChunkKind::samples, .name = name, .seal = number};
    chunk.min_ms = samples.front().timestamp_ms;
    chunk.max_ms = samples.back().timestamp_ms;
    block.add(std::move(chunk), telemetry::encode_sample_chunk(samples));
  }
  for (const auto& [stream, events] : table.streams) {
    std::vector<LogEvent> kept = events;
    const Removal removal = removal_of(stream);
    std::erase_if(kept, [&](const LogEvent& event) { return removal.covers(event); });
    const std::span<const LogEvent> all(kept);
    std::uint64_t part = 0;
    for (std::size_t first = 0, last = 0; first < all.size(); first = last) {
      std::size_t chunk_bytes = 0;
      while (last < all.size() && (last == first || chunk_bytes < event_chunk_bytes))
        chunk_bytes += sizeof(LogEvent) + all[last++].message.size();
      Chunk chunk{.kind = ChunkKind::events, .name = stream, .seal = number, .part = part++};
      chunk.min_ms = all[first].timestamp_ms;
      chunk.max_ms = all[last - 1].timestamp_ms;
      chunk.max_sequence =
          std::ranges::max_element(all.subspan(first, last - first), {}, &LogEvent::sequence)->sequence;
      block.add(std::move(chunk), telemetry::encode_event_chunk(all.subspan(first, last - first)));
    }
  }
  return block;
}

// A crash between a blob and its rows leaves a blob that nothing names.
void WalTelemetryStore::remove_unnamed_blobs() {
  constexpr std::size_t page_size = 100;
  for (BlobId after;;) {
    const auto page = sync_wait(blobs_.list(after, TimePoint::max(), page_size));
    if (!page) return;  // tried again with the next seal
    for (const BlobInfo& blob : *page) {
      const auto is_named = sync_wait(index_.names_blob(blob.id));
      if (is_named && !*is_named) (void)sync_wait(blobs_.remove(blob.id));
    }
    if (page->size() < page_size) break;
    after = page->back().id;
  }
  swept_ = true;
}

Result<void> WalTelemetryStore::seal_now() {
  std::lock_guard lock(seal_mutex_);
  TRY_DO(seal());  // the one under way, if any: the next rotation has to wait for it
  Work work;
  work.task = Task::rotate;
  TRY_DO(sync_wait(queue_->wait_for(work)));
  return seal();
}

// ---- queries

Async<std::string> WalTelemetryStore::read_chunk(const Chunk& chunk) {
  const ByteRange range{chunk.offset, chunk.offset + chunk.size_bytes - 1};
  CO_TRY(const auto source, co_await blobs_.open(chunk.blob, range));
  co_return co_await read_all(*source, chunk.size_bytes);
}

Async<std::vector<Sample>> WalTelemetryStore::read_samples(const Chunk& chunk) {
  const Result<std::string> bytes = co_await read_chunk(chunk);
  if (!bytes && bytes.error().kind() == ErrorKind::not_found) co_return std::vector<Sample>();  // removed meanwhile
  if (!bytes) co_return bytes.error();
  co_return co_await offload(pool_, [&] { return telemetry::decode_sample_chunk(*bytes); });
}

Async<std::vector<LogEvent>> WalTelemetryStore::read_events(const Chunk& chunk, const PositionSpan& span) {
  const Result<std::string> bytes = co_await read_chunk(chunk);
  if (!bytes && bytes.error().kind() == ErrorKind::not_found) co_return std::vector<LogEvent>();  // removed meanwhile
  if (!bytes) co_return bytes.error();
  CO_TRY(auto events, co_await offload(pool_, [&] { return telemetry::decode_event_chunk(*bytes); }));
  const Removal removal = removal_of(chunk.name);
  std::erase_if(events, [&](const LogEvent& event) { return !span.contains(event) || removal.covers(event); });
  co_return events;
}

Removal WalTelemetryStore::removal_of(std::string_view stream) {
  std::lock_guard lock(mutex_);
  const auto found = removals_.find(stream);
  return found == removals_.end() ? Removal() : found->second;
}

// Memory first, then the seals that memory no longer holds: whatever is sealed in between is neither lost nor doubled.
WalTelemetryStore::RecentItems<Sample> WalTelemetryStore::recent_samples(std::string_view series, TimeSpan span) {
  std::lock_guard lock(mutex_);
  active_.order_series(series);
  RecentItems<Sample> recent{.sealed_through = sealed_through_};
  for (const RecentTable* table : {sealing_.get(), static_cast<const RecentTable*>(&active_)}) {
    if (!table) continue;
    const auto found = table->series.find(series);
    if (found == table->series.end()) continue;
    const auto first = std::ranges::lower_bound(found->second, span.start_ms, {}, &Sample::timestamp_ms);
    const auto last = std::ranges::lower_bound(found->second, span.end_ms, {}, &Sample::timestamp_ms);
    if (first < last) recent.items.insert(recent.items.end(), first, last);
  }
  return recent;
}

Async<std::vector<Sample>> WalTelemetryStore::samples(std::string_view series, TimeSpan span) {
  {
    std::lock_guard lock(mutex_);
    span.start_ms = std::max(span.start_ms, samples_floor_ms_);
  }
  if (span.start_ms >= span.end_ms) co_return std::vector<Sample>();
  RecentItems<Sample> recent = recent_samples(series, span);
  CO_TRY(auto chunks, co_await index_.find(ChunkKind::samples, series, span));
  std::ranges::sort(chunks, {}, &Chunk::seal);

  std::vector<Sample> found;
  for (const Chunk& chunk : chunks) {
    if (chunk.seal > recent.sealed_through) continue;
    CO_TRY(const auto sealed, co_await read_samples(chunk));
    std::ranges::copy_if(sealed, std::back_inserter(found), [&](const Sample& sample) {
      return sample.timestamp_ms >= span.start_ms && sample.timestamp_ms < span.end_ms;
    });
  }
  found.insert(found.end(), recent.items.begin(), recent.items.end());
  std::ranges::sort(found, {}, &Sample::timestamp_ms);
  co_return found;
}

Async<std::vector<std::string>> WalTelemetryStore::series(std::string_view prefix, std::string_view after,
                                                          std::size_t limit) {
  std::set<std::string> names;
  {
    std::lock_guard lock(mutex_);
    active_.order_all();
    for (const RecentTable* table : {sealing_.get(), static_cast<const RecentTable*>(&active_)}) {
      if (!table) continue;
      auto it = after < prefix ? table->series.lower_bound(prefix) : table->series.upper_bound(after);
      std::size_t count = 0;
      for (; it != table->series.end() && it->first.starts_with(prefix) && count < limit; ++it) {
        if (it->second.empty() || it->second.back().timestamp_ms < samples_floor_ms_) continue;
        names.insert(it->first);
        ++count;
      }
    }
  }
  CO_TRY(auto sealed, co_await index_.names(ChunkKind::samples, prefix, after, limit));
  names.insert(std::make_move_iterator(sealed.begin()), std::make_move_iterator(sealed.end()));
  std::vector<std::string> page(names.begin(), names.end());
  if (page.size() > limit) page.resize(limit);
  co_return page;
}

WalTelemetryStore::RecentItems<LogEvent> WalTelemetryStore::recent_events(std::string_view stream,
                                                                          const PositionSpan& span) {
  const Removal removal = removal_of(stream);
  std::lock_guard lock(mutex_);
  active_.order_stream(stream);
  RecentItems<LogEvent> recent{.sealed_through = sealed_through_};
  for (const RecentTable* table : {sealing_.get(), static_cast<const RecentTable*>(&active_)}) {
    if (!table) continue;
    const auto found = table->streams.find(stream);
    if (found == table->streams.end()) continue;
    const auto first = std::ranges::lower_bound(found->second, span.first, {}, position_of);
    const auto last = std::ranges::lower_bound(found->second, span.end, {}, position_of);
    std::copy_if(first, last, std::back_inserter(recent.items),
                 [&](const LogEvent& event) { return !removal.covers(event); });
  }
  std::ranges::sort(recent.items, {}, position_of);
  return recent;
}

Async<std::vector<LogEvent>> WalTelemetryStore::events(std::string_view stream, TimeSpan span,
                                                       const EventPosition* from, EventLimit limit, bool backwards) {
  PositionSpan positions{{span.start_ms, 0}, {span.end_ms, 0}};
  if (from && backwards) positions.end = std::min(positions.end, *from);
  if (from && !backwards) positions.first = std::max(positions.first, {from->timestamp_ms, from->sequence + 1});
  if (positions.empty() || limit.count == 0) co_return std::vector<LogEvent>();
  if (backwards) co_return co_await events_backwards(stream, positions, limit);
  co_return co_await events_forwards(stream, positions, limit);
}

// Chunks may overlap in time. One can be left unread once `limit` events come before anything it can hold.
Async<std::vector<LogEvent>> WalTelemetryStore::events_forwards(std::string_view stream, PositionSpan span,
                                                                EventLimit limit) {
  RecentItems<LogEvent> recent = recent_events(stream, span);
  const TimeSpan times{span.first.timestamp_ms, span.end.timestamp_ms + (span.end.sequence > 0)};
  CO_TRY(auto chunks, co_await index_.find(ChunkKind::events, stream, times));
  std::ranges::sort(chunks, {}, &Chunk::min_ms);

  std::vector<LogEvent> found = std::move(recent.items);
  limit.apply_to(found);
  for (const Chunk& chunk : chunks) {
    if (chunk.seal > recent.sealed_through) continue;
    const bool page_is_full =
        found.size() >= limit.count && position_of(found[limit.count - 1]) < EventPosition{chunk.min_ms, 0};
    if (page_is_full) break;
    CO_TRY(auto sealed, co_await read_events(chunk, span));
    std::ranges::move(sealed, std::back_inserter(found));
    std::ranges::sort(found, {}, position_of);
    limit.apply_to(found);
  }
  co_return found;
}

Async<std::vector<LogEvent>> WalTelemetryStore::events_backwards(std::string_view stream, PositionSpan span,
                                                                 EventLimit limit) {
  constexpr std::size_t chunk_page_size = 32;
  RecentItems<LogEvent> recent = recent_events(stream, span);
  const TimeSpan times{span.first.timestamp_ms, span.end.timestamp_ms + (span.end.sequence > 0)};
  std::vector<LogEvent> found = std::move(recent.items);
  const auto keep_newest = [&] {
    std::ranges::sort(found, std::ranges::greater(), position_of);
    limit.apply_to(found);
  };
  keep_newest();

  std::vector<Chunk> chunks;
  for (const Chunk* last = nullptr;;) {
    CO_TRY(auto page, co_await index_.find_newest(ChunkKind::events, stream, times, last, chunk_page_size));
    if (page.empty()) co_return found;
    chunks = std::move(page);
    for (const Chunk& chunk : chunks) {
      if (chunk.seal > recent.sealed_through) continue;
      const bool page_is_full =
          found.size() >= limit.count && position_of(found[limit.count - 1]) >= EventPosition{chunk.max_ms + 1, 0};
      if (page_is_full) co_return found;
      CO_TRY(auto sealed, co_await read_events(chunk, span));
      std::ranges::move(sealed, std::back_inserter(found));
      keep_newest();
    }
    last = &chunks.back();
  }
}

// ---- removing

Async<void> WalTelemetryStore::remember_removal(std::string_view stream, Removal removal) {
  CO_TRY_DO(co_await index_.add_removal(stream, removal));
  std::lock_guard lock(mutex_);
  removals_[std::string(stream)].add(removal);
  if (const auto recent = active_.streams.find(stream); recent != active_.streams.end())
    std::erase_if(recent->second, [&](const LogEvent& event) { return removal.covers(event); });
  co_return ok;
}

Async<void> WalTelemetryStore::remove_chunks(std::vector<Chunk> chunks) {
  constexpr std::size_t chunks_at_a_time = 500;
  for (std::size_t first = 0; first < chunks.size(); first += chunks_at_a_time) {
    const std::size_t last = std::min(first + chunks_at_a_time, chunks.size());
    std::vector<Chunk> some(std::make_move_iterator(chunks.begin() + static_cast<std::ptrdiff_t>(first)),
                            std::make_move_iterator(chunks.begin() + static_cast<std::ptrdiff_t>(last)));
    CO_TRY(const auto unused, co_await index_.remove(std::move(some)));
    for (const BlobId& blob : unused) CO_TRY_DO(co_await blobs_.remove(blob));
  }
  co_return ok;
}

Async<void> WalTelemetryStore::remove_stream(std::string_view stream) {
  constexpr TimeSpan always{std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
  CO_TRY_DO(co_await remember_removal(stream, {.before_sequence = next_sequence_}));
  CO_TRY(auto chunks, co_await index_.find(ChunkKind::events, stream, always));
  co_return co_await remove_chunks(std::move(chunks));
}

Async<void> WalTelemetryStore::remove_events_before(std::string_view stream, std::int64_t before_ms) {
  if (before_ms < removal_of(stream).before_ms) co_return ok;  // already gone
  const Removal removal{.before_ms = before_ms, .before_ms_up_to_sequence = next_sequence_};
  CO_TRY_DO(co_await remember_removal(stream, removal));
  const TimeSpan before{std::numeric_limits<std::int64_t>::min(), before_ms};
  CO_TRY(auto chunks, co_await index_.find(ChunkKind::events, stream, before));
  std::erase_if(chunks, [&](const Chunk& chunk) { return chunk.max_ms >= before_ms; });
  co_return co_await remove_chunks(std::move(chunks));
}

Async<void> WalTelemetryStore::remove_samples_before(std::int64_t before_ms) {
  constexpr std::size_t names_at_a_time = 200;
  CO_TRY_DO(co_await index_.put_samples_floor(before_ms));
  {
    std::lock_guard lock(mutex_);
    samples_floor_ms_ = before_ms;
  }
  const TimeSpan before{std::numeric_limits<std::int64_t>::min(), before_ms};
  std::string after;
  for (;;) {
    CO_TRY(const auto names, co_await index_.names(ChunkKind::samples, "", after, names_at_a_time));
    for (const std::string& name : names) {
      CO_TRY(auto chunks, co_await index_.find(ChunkKind::samples, name, before));
      std::erase_if(chunks, [&](const Chunk& chunk) { return chunk.max_ms >= before_ms; });
      CO_TRY_DO(co_await remove_chunks(std::move(chunks)));
    }
    if (names.size() < names_at_a_time) co_return ok;
    after = names.back();
  }
}

Async<void> WalTelemetryStore::clear() {
  co_return co_await offload(pool_, [this] { return clear_all(); });
}

Result<void> WalTelemetryStore::clear_all() {
  std::lock_guard lock(seal_mutex_);
  Work work;
  work.task = Task::clear;
  TRY_DO(sync_wait(queue_->wait_for(work)));
  SealState state{.next_sequence = next_sequence_};
  {
    std::lock_guard recent_lock(mutex_);
    state.sealed_through = sealed_through_;
  }
  TRY_DO(sync_wait(index_.clear(state)));
  return sync_wait(blobs_.clear());
}

void WalTelemetryStore::clear_recent() {
  const auto ended = log_.rotate();
  if (!ended) {
    log::warning("cannot clear the telemetry log", {{"why", ended.error().message()}});
    return;
  }
  log_.remove_through(*ended);
  std::lock_guard lock(mutex_);
  active_ = RecentTable();
  sealing_.reset();
  sealed_through_ = *ended;
  removals_.clear();
  samples_floor_ms_ = std::numeric_limits<std::int64_t>::min();
}

}  // namespace

Result<std::unique_ptr<BlockTelemetryStore>> open_block_telemetry_store(const TelemetryOptions& options,
                                                                        MetadataStore& metadata, BlobStore& blobs,
                                                                        Executor& pool) {
  auto store = std::make_unique<WalTelemetryStore>(options, metadata, blobs, pool);
  TRY_DO(store->open());
  return store;
}

}  // namespace hearth
