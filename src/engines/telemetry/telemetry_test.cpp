#include <gtest/gtest.h>
#include <sys/resource.h>

#include <bit>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>

#include "base/temporary_folder.h"
#include "base/watched_disk.h"
#include "engines/localfs/blob_store.h"
#include "engines/memory/blob_store.h"
#include "engines/memory/metadata_store.h"
#include "engines/rocksdb/metadata_store.h"
#include "engines/telemetry/chunk_codec.h"
#include "engines/telemetry/crc32c.h"
#include "engines/telemetry/telemetry_store.h"
#include "engines/telemetry/write_ahead_log.h"
#include "ports/telemetry_store_contract.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

// On rows and blobs in memory; only the log is on disk.
struct Telemetry final : TelemetryStoreUnderTest {
  explicit Telemetry(std::size_t recent_bytes = 4 << 20) : recent_bytes(recent_bytes) { reopen(); }
  TelemetryStore& store() override { return *opened; }
  bool reopen() override {
    opened.reset();
    opened =
        open_block_telemetry_store({.log_folder = folder.path(), .recent_bytes = recent_bytes}, metadata, blobs, pool)
            .value();
    return true;
  }
  void seal() override { ASSERT_TRUE(opened->seal_now()); }
  std::size_t blob_count() { return sync_wait(blobs.list({}, TimePoint::max(), 10'000))->size(); }

  std::size_t recent_bytes;
  SystemClock clock;
  TemporaryFolder folder;
  ThreadPool pool{1};
  MemoryMetadataStore metadata;
  MemoryBlobStore blobs{clock};
  std::unique_ptr<BlockTelemetryStore> opened;
};

// The set a server runs with.
struct DurableTelemetry final : TelemetryStoreUnderTest {
  DurableTelemetry() { reopen(); }
  TelemetryStore& store() override { return *opened; }
  bool reopen() override {
    opened.reset();
    metadata.reset();
    metadata = open_rocksdb_metadata_store({.folder = folder.path() / "rows"}, pool).value();
    blobs = open_local_blob_store(folder.path() / "blocks", clock, ids, pool).value();
    opened = open_block_telemetry_store({.log_folder = folder.path() / "log"}, *metadata, *blobs, pool).value();
    return true;
  }
  void seal() override { ASSERT_TRUE(opened->seal_now()); }

  SystemClock clock;
  SystemIds ids;
  TemporaryFolder folder;
  ThreadPool pool{1};
  std::unique_ptr<MetadataStore> metadata;
  std::unique_ptr<BlobStore> blobs;
  std::unique_ptr<BlockTelemetryStore> opened;
};

std::unique_ptr<TelemetryStoreUnderTest> make_usual() {
  return std::make_unique<Telemetry>();
}
std::unique_ptr<TelemetryStoreUnderTest> make_durable() {
  return std::make_unique<DurableTelemetry>();
}
INSTANTIATE_TEST_SUITE_P(Blocks, TelemetryStoreContract, testing::Values(TelemetryStoreMaker(make_usual)));
INSTANTIATE_TEST_SUITE_P(OnRocksDbAndFiles, TelemetryStoreContract, testing::Values(TelemetryStoreMaker(make_durable)));

Async<void> append_event(TelemetryStore& store, std::string_view stream, std::int64_t time_ms, std::string message) {
  std::vector<LogEvent> events;
  events.push_back({.timestamp_ms = time_ms, .message = std::move(message)});
  return store.append_events(stream, std::move(events));
}

std::size_t event_count(TelemetryStore& store, std::string_view stream) {
  return sync_wait(store.events(stream, {0, 1'000'000'000}, nullptr, 1'000'000, false))->size();
}

TEST(BlockTelemetryStore, SealsByItselfWhenMemoryIsFullAndLosesNothing) {
  Telemetry telemetry(20'000);
  int appended_count = 0;
  while (telemetry.blob_count() < 5)
    if (sync_wait(append_event(*telemetry.opened, "log", appended_count, std::string(100, 'x')))) ++appended_count;
  EXPECT_EQ(event_count(*telemetry.opened, "log"), static_cast<std::size_t>(appended_count));
  telemetry.reopen();
  EXPECT_EQ(event_count(*telemetry.opened, "log"), static_cast<std::size_t>(appended_count));
}

// Each of them once moved all that came before it: by the end a start took many seconds.
TEST(BlockTelemetryStore, AHistorySentBackwardsIsTakenAndReplayedAsQuicklyAsAnyOther) {
  Telemetry telemetry(64 << 20);
  constexpr int count = 100'000, batch = 1000;
  for (int last = count; last > 0; last -= batch) {
    std::vector<SeriesSample> samples;
    for (int i = last; i > last - batch; --i)
      samples.push_back({"loss", {.timestamp_ms = i, .sum = static_cast<double>(i)}});
    ASSERT_TRUE(sync_wait(telemetry.opened->append_samples(std::move(samples))));
    ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "log", last, "x")));
  }
  const auto before = std::chrono::steady_clock::now();
  telemetry.reopen();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
  for (const bool is_sealed : {false, true}) {
    if (is_sealed) telemetry.seal();
    const auto samples = sync_wait(telemetry.opened->samples("loss", {0, count + 1})).value();
    ASSERT_EQ(samples.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) ASSERT_EQ(samples[static_cast<std::size_t>(i)].sum, i + 1);
    const auto events = sync_wait(telemetry.opened->events("log", {0, count + 1}, nullptr, 1000, false)).value();
    ASSERT_EQ(events.size(), static_cast<std::size_t>(count / batch));
    EXPECT_TRUE(std::ranges::is_sorted(events, {}, &LogEvent::timestamp_ms));
  }
  EXPECT_EQ(sync_wait(telemetry.opened->series("", "", 10)).value(), std::vector<std::string>{"loss"});
}

TEST(BlockTelemetryStore, ATornTailOfTheLogIsIgnored) {
  Telemetry telemetry;
  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "log", 1, "whole")));
  telemetry.opened.reset();
  fs::path segment;
  for (const auto& entry : fs::directory_iterator(telemetry.folder.path())) segment = std::max(segment, entry.path());
  std::ofstream(segment, std::ios::app | std::ios::binary) << std::string("\x40\0\0\0half a rec", 14);
  telemetry.reopen();
  EXPECT_EQ(event_count(*telemetry.opened, "log"), 1u);
  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "log", 2, "after the crash")));
  telemetry.reopen();
  EXPECT_EQ(event_count(*telemetry.opened, "log"), 2u);
}

TEST(BlockTelemetryStore, ABlobWhoseRowsWereNeverWrittenIsRemovedAtTheNextStart) {
  Telemetry telemetry;
  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "log", 1, "x")));
  telemetry.seal();
  StringSource orphan("left by a crash");
  ASSERT_TRUE(sync_wait(telemetry.blobs.put(orphan)));
  telemetry.reopen();
  telemetry.seal();  // the sweep has run before it
  while (telemetry.blob_count() != 1) std::this_thread::yield();
  EXPECT_EQ(event_count(*telemetry.opened, "log"), 1u);
}

TEST(BlockTelemetryStore, ABlobGoesWithTheLastOfItsChunks) {
  Telemetry telemetry;
  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "a", 1, "x")));
  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "b", 1, "x")));
  telemetry.seal();
  EXPECT_EQ(telemetry.blob_count(), 1u);
  ASSERT_TRUE(sync_wait(telemetry.opened->remove_stream("a")));
  EXPECT_EQ(telemetry.blob_count(), 1u);
  ASSERT_TRUE(sync_wait(telemetry.opened->remove_events_before("b", 100)));
  EXPECT_EQ(telemetry.blob_count(), 0u);
}

// Runs something of a test's just before a blob is stored or a transaction begins, once: the moments between which
// others may get.
class Interrupted final : public BlobStore, public MetadataStore {
 public:
  Interrupted(MetadataStore& rows, BlobStore& blobs) : rows_(rows), blobs_(blobs) {}
  std::function<void()> before_blob, before_transaction;

  Async<BlobInfo> put(ByteSource& body) override {
    run(before_blob);
    return blobs_.put(body);
  }
  Async<std::unique_ptr<ByteSource>> open(const BlobId& id, ByteRange range) override { return blobs_.open(id, range); }
  Async<void> remove(const BlobId& id) override { return blobs_.remove(id); }
  Async<std::vector<BlobInfo>> list(const BlobId& after, TimePoint before, std::size_t limit) override {
    return blobs_.list(after, before, limit);
  }
  Async<std::optional<std::string>> get(std::string_view key) override { return rows_.get(key); }
  Async<std::vector<KeyValue>> scan(KeyRange range, std::size_t limit, bool reverse) override {
    return rows_.scan(std::move(range), limit, reverse);
  }
  std::unique_ptr<Transaction> begin() override {
    run(before_transaction);
    return rows_.begin();
  }
  Async<void> commit(std::unique_ptr<Transaction> transaction) override { return rows_.commit(std::move(transaction)); }
  Async<void> clear() override { co_return ok; }

 private:
  static void run(std::function<void()>& what) {
    if (auto once = std::exchange(what, nullptr)) once();
  }
  MetadataStore& rows_;
  BlobStore& blobs_;
};

struct InterruptedTelemetry {
  SystemClock clock;
  TemporaryFolder folder;
  ThreadPool pool{1};
  MemoryMetadataStore rows;
  MemoryBlobStore blobs{clock};
  Interrupted interrupted{rows, blobs};
  std::unique_ptr<BlockTelemetryStore> opened =
      open_block_telemetry_store({.log_folder = folder.path()}, interrupted, interrupted, pool).value();
};

TEST(BlockTelemetryStore, WhatIsRemovedWhileItIsSealedTakesNoRoom) {
  InterruptedTelemetry telemetry;
  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "gone", 1, "x")));
  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "stays", 1, "x")));
  telemetry.interrupted.before_blob = [&] { ASSERT_TRUE(sync_wait(telemetry.opened->remove_stream("gone"))); };
  ASSERT_TRUE(telemetry.opened->seal_now());
  const auto chunks = KeyRange::prefix(make_key("telemetry", "events"));
  EXPECT_EQ(sync_wait(telemetry.rows.scan(chunks, 10))->size(), 1u);
  EXPECT_EQ(event_count(*telemetry.opened, "gone"), 0u);
  EXPECT_EQ(event_count(*telemetry.opened, "stays"), 1u);
  ASSERT_TRUE(sync_wait(telemetry.opened->remove_stream("stays")));
  EXPECT_EQ(sync_wait(telemetry.blobs.list({}, TimePoint::max(), 10))->size(), 0u)
      << "the blob went with its last chunk";

  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "gone", 1, "x")));
  telemetry.interrupted.before_blob = [&] { ASSERT_TRUE(sync_wait(telemetry.opened->remove_stream("gone"))); };
  ASSERT_TRUE(telemetry.opened->seal_now());
  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "stays", 2, "x")));
  ASSERT_TRUE(telemetry.opened->seal_now());
  while (sync_wait(telemetry.blobs.list({}, TimePoint::max(), 10))->size() != 1) std::this_thread::yield();
}

TEST(BlockTelemetryStore, ARemovalDoesNotBringBackWhatAnotherRemovedMeanwhile) {
  InterruptedTelemetry telemetry;
  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "log", 500, "x")));
  telemetry.interrupted.before_transaction = [&] { ASSERT_TRUE(sync_wait(telemetry.opened->remove_stream("log"))); };
  ASSERT_TRUE(sync_wait(telemetry.opened->remove_events_before("log", 100)));
  EXPECT_EQ(event_count(*telemetry.opened, "log"), 0u);
  telemetry.opened.reset();
  telemetry.opened = open_block_telemetry_store({.log_folder = telemetry.folder.path()}, telemetry.interrupted,
                                                telemetry.interrupted, telemetry.pool)
                         .value();
  EXPECT_EQ(event_count(*telemetry.opened, "log"), 0u) << "nor after a restart";
}

TEST(BlockTelemetryStore, TwoRemovalsOfTheSameChunksBothSucceed) {
  InterruptedTelemetry telemetry;
  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "log", 1, "x")));
  ASSERT_TRUE(telemetry.opened->seal_now());
  int begun_count = 0;
  std::function<void()> interrupt = [&] {
    if (++begun_count < 2)
      telemetry.interrupted.before_transaction = interrupt;  // the removal's own row comes first, then the chunks
    else
      ASSERT_TRUE(sync_wait(telemetry.opened->remove_stream("log")));
  };
  telemetry.interrupted.before_transaction = interrupt;
  EXPECT_TRUE(sync_wait(telemetry.opened->remove_events_before("log", 100)));
  EXPECT_EQ(begun_count, 2);
  EXPECT_EQ(sync_wait(telemetry.blobs.list({}, TimePoint::max(), 10))->size(), 0u);
}

TEST(BlockTelemetryStore, WhatADiskFailedToKeepDoesNotComeBackAfterARestart) {
  Telemetry telemetry;
  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "log", 1, "kept")));
  WatchedDisk::fail_syncs(1);
  EXPECT_EQ(sync_wait(append_event(*telemetry.opened, "log", 2, "refused")).error().kind(), ErrorKind::unavailable);
  EXPECT_EQ(WatchedDisk::failed_count(), 1);
  telemetry.reopen();
  EXPECT_EQ(event_count(*telemetry.opened, "log"), 1u);
}

TEST(BlockTelemetryStore, NothingIsAcknowledgedBeforeAFailedWriteIsTakenBack) {
  Telemetry telemetry;
  ASSERT_TRUE(sync_wait(append_event(*telemetry.opened, "log", 1, "kept")));
  WatchedDisk::fail_syncs(3);  // of the record, and twice of taking it back
  EXPECT_FALSE(sync_wait(append_event(*telemetry.opened, "log", 2, "refused")));
  EXPECT_FALSE(sync_wait(append_event(*telemetry.opened, "log", 3, "refused")));
  EXPECT_EQ(WatchedDisk::failed_count(), 3);
  EXPECT_TRUE(sync_wait(append_event(*telemetry.opened, "log", 4, "kept")));
  telemetry.reopen();
  EXPECT_EQ(event_count(*telemetry.opened, "log"), 2u);
}

// A real short write: the process may make no file longer than that.
TEST(WriteAheadLog, AWriteThatDidNotFitLeavesNothingAndTheSegmentGoesOn) {
  TemporaryFolder folder;
  std::vector<std::string> replayed;
  const auto note = [&](std::string_view record) { replayed.emplace_back(record); };
  {
    telemetry::WriteAheadLog log;
    ASSERT_TRUE(log.open(folder.path(), 0, note));
    ASSERT_TRUE(log.append({"first"}));
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit little{.rlim_cur = 100, .rlim_max = before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &little);
    EXPECT_FALSE(log.append({"fits, but belongs to one that does not", std::string(1000, 'x')}));
    ::setrlimit(RLIMIT_FSIZE, &before);
    ASSERT_TRUE(log.append({"second"}));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
  telemetry::WriteAheadLog log;
  ASSERT_TRUE(log.open(folder.path(), 0, note));
  EXPECT_EQ(replayed, (std::vector<std::string>{"first", "second"}));
}

TEST(WriteAheadLog, ASegmentThatCannotBeBegunLeavesNoFile) {
  TemporaryFolder folder;
  telemetry::WriteAheadLog log;
  ASSERT_TRUE(log.open(folder.path(), 0, [](std::string_view) {}));
  WatchedDisk::fail_syncs(1);
  EXPECT_FALSE(log.rotate());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
  EXPECT_TRUE(log.append({"x"}));
}

TEST(BlockTelemetryStore, QueriesDuringSealsSeeEachEventOnce) {
  Telemetry telemetry(20'000);
  constexpr int event_total = 1000;
  std::atomic<int> appended_count = 0;
  std::jthread writer([&] {
    while (appended_count < event_total)
      if (sync_wait(append_event(*telemetry.opened, "log", appended_count, "message"))) ++appended_count;
  });
  while (appended_count < event_total) {
    const auto before = static_cast<std::size_t>(appended_count);
    const std::size_t seen = event_count(*telemetry.opened, "log");
    EXPECT_GE(seen, before);
    EXPECT_LE(seen, static_cast<std::size_t>(appended_count) + 1);
  }
}

TEST(Crc32c, AgreesWithThePublishedVectors) {
  EXPECT_EQ(telemetry::crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(telemetry::crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, B.4
  EXPECT_EQ(telemetry::crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(ChunkCodec, RegularSamplesTakeAFewBitsEach) {
  std::vector<Sample> samples;
  for (int i = 0; i < 10'000; ++i) {
    const double value = std::round(50 + 20 * std::sin(i * 0.01));
    samples.push_back({.timestamp_ms = 1'750'000'000'000 + i * 10'000, .sum = value, .min = value, .max = value});
  }
  const std::string chunk = telemetry::encode_sample_chunk(samples);
  EXPECT_LT(chunk.size(), samples.size());
  const auto decoded = telemetry::decode_sample_chunk(chunk).value();
  ASSERT_EQ(decoded.size(), samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(decoded[i].timestamp_ms, samples[i].timestamp_ms);
    EXPECT_EQ(decoded[i].sum, samples[i].sum);
    EXPECT_EQ(decoded[i].count, 1);
  }
}

TEST(ChunkCodec, EveryDoubleComesBackBitForBit) {
  const std::vector<std::vector<double>> columns = {
      {0, 1, -1, 1e6},
      {0.1, 0.25, 99.999, -0.001},
      {-0.0, 0.0},
      {1.0 / 3, 5e-324, 1.7976931348623157e308},
      {1e15 + 0.5, 123456789.123456, 0.000001},
      {9007199254740993.0, 0.5},
      {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}};
  for (const auto& values : columns) {
    std::vector<Sample> samples;
    for (const double value : values) samples.push_back({.timestamp_ms = 5, .sum = value, .min = value, .max = value});
    const auto decoded = telemetry::decode_sample_chunk(telemetry::encode_sample_chunk(samples)).value();
    ASSERT_EQ(decoded.size(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      EXPECT_EQ(std::bit_cast<std::uint64_t>(decoded[i].sum), std::bit_cast<std::uint64_t>(values[i])) << values[i];
  }
}

TEST(ChunkCodec, DamagedBytesAreCorruptAndNeverACrash) {
  std::vector<LogEvent> events;
  for (int i = 0; i < 50; ++i) events.push_back({.timestamp_ms = i, .message = "line " + std::to_string(i)});
  const std::string chunk = telemetry::encode_event_chunk(events);
  EXPECT_EQ(telemetry::decode_event_chunk(chunk)->size(), 50u);
  EXPECT_FALSE(telemetry::decode_sample_chunk(chunk));
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    std::string damaged = chunk;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
    EXPECT_FALSE(telemetry::decode_event_chunk(damaged)) << "byte " << i;
    EXPECT_FALSE(telemetry::decode_event_chunk(std::string_view(chunk).substr(0, i)));
  }
}

}  // namespace
}  // namespace hearth
