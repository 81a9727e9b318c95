// bench_engines FOLDER: what durable writes cost. See README.md.
#include <fmt/format.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

#include "engines/localfs/blob_store.h"
#include "engines/rocksdb/metadata_store.h"
#include "engines/telemetry/telemetry_store.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using Seconds = std::chrono::duration<double>;

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double resident_mib() {
  std::ifstream status("/proc/self/statm");
  double total_pages = 0, resident_pages = 0;
  status >> total_pages >> resident_pages;
  return resident_pages * 4096 / (1 << 20);
}

// Calls `operation(thread, n)` over and over on each thread for a while and prints one line.
void measure(std::string_view name, int thread_count, const std::function<void(int, int)>& operation,
             double mib_per_operation = 0) {
  constexpr Seconds duration(3);
  std::atomic<int> done_count = 0;
  const double cpu_before = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < thread_count; ++t)
      threads.emplace_back([&, t] {
        for (int n = 0; std::chrono::steady_clock::now() - start < duration; ++n) {
          operation(t, n);
          ++done_count;
        }
      });
  }
  const Seconds took = std::chrono::steady_clock::now() - start;
  const double cpu = cpu_seconds() - cpu_before;
  std::string rate;
  if (mib_per_operation > 0) rate = fmt::format("{:9.0f} MiB/s", done_count * mib_per_operation / took.count());
  fmt::print("{:<34} {:>3} threads {:>10.0f} /s {:>9.1f} us CPU each {}\n", name, thread_count,
             done_count / took.count(), cpu / done_count * 1e6, rate);
  std::fflush(stdout);
}

void check(const Result<void>& result) {
  if (!result) fmt::print(stderr, "failed: {} {}\n", result.error().message(), result.error().detail());
}

Async<void> put_row(MetadataStore& store, std::string key, std::string value) {
  auto tx = store.begin();
  tx->put(key, std::move(value));
  return store.commit(std::move(tx));
}

// Zeros that cost nothing to make, so that only the store is measured.
class ZeroSource final : public ByteSource {
 public:
  explicit ZeroSource(std::uint64_t size_bytes) : left_(size_bytes) {}
  Async<std::size_t> read(std::span<char> into) override {
    const std::size_t n = std::min<std::uint64_t>(into.size(), left_);
    left_ -= n;
    co_return n;
  }
  std::optional<std::uint64_t> remaining() const override { return left_; }

 private:
  std::uint64_t left_;
};

void bench_rows(const fs::path& folder, Executor& pool) {
  const double resident_before = resident_mib();
  const auto start = std::chrono::steady_clock::now();
  auto store = open_rocksdb_metadata_store({.folder = folder / "rows"}, pool).value();
  const Seconds took = std::chrono::steady_clock::now() - start;
  fmt::print("rows: opened new in {:.1f} ms, {:.1f} MiB resident\n", took.count() * 1000,
             resident_mib() - resident_before);

  for (const int threads : {1, 16, 64})
    measure("row put, 200 bytes, durable", threads, [&](int t, int n) {
      check(sync_wait(put_row(*store, fmt::format("key-{}-{}", t, n), std::string(200, 'x'))));
    });
  const TransactionBody increment = [](Transaction& tx) -> Async<void> {
    CO_TRY(const auto old, co_await tx.get("counter"));
    tx.put("counter", std::to_string(old ? std::stoi(*old) + 1 : 1));
    co_return ok;
  };
  measure("one hot row read and written", 4, [&](int, int) { check(sync_wait(transact(*store, increment))); });
  measure("row get", 1, [&](int, int n) { (void)sync_wait(store->get(fmt::format("key-0-{}", n % 1000))); });

  store.reset();
  const auto again = std::chrono::steady_clock::now();
  store = open_rocksdb_metadata_store({.folder = folder / "rows"}, pool).value();
  fmt::print("rows: opened again in {:.1f} ms\n", Seconds(std::chrono::steady_clock::now() - again).count() * 1000);
}

void bench_blobs(const fs::path& folder, Executor& pool) {
  const SystemClock clock;
  SystemIds ids;
  const auto store = open_local_blob_store(folder / "blobs", clock, ids, pool).value();
  const auto put = [&](std::uint64_t size_bytes) {
    ZeroSource body(size_bytes);
    const auto info = sync_wait(store->put(body));
    if (info) (void)sync_wait(store->remove(info->id));
  };
  for (const int threads : {1, 16})
    measure("blob put and remove, 128 KiB", threads, [&](int, int) { put(128 << 10); }, 0.125);
  measure("blob put and remove, 64 MiB", 1, [&](int, int) { put(64 << 20); }, 64);

  ZeroSource body(64 << 20);
  const BlobId blob = sync_wait(store->put(body))->id;
  std::string buffer(1 << 20, '\0');
  measure(
      "blob read, 64 MiB, cached", 1,
      [&](int, int) {
        const auto source = sync_wait(store->open(blob, {0, (64 << 20) - 1})).value();
        while (sync_wait(source->read(buffer)).value_or(0) > 0) {
        }
      },
      64);
}

void bench_telemetry(const fs::path& folder, Executor& pool) {
  const SystemClock clock;
  SystemIds ids;
  const auto rows = open_rocksdb_metadata_store({.folder = folder / "telemetry-rows"}, pool).value();
  const auto blobs = open_local_blob_store(folder / "telemetry-blobs", clock, ids, pool).value();
  const auto store = open_block_telemetry_store({.log_folder = folder / "telemetry-log"}, *rows, *blobs, pool).value();

  constexpr int samples_per_append = 20;
  std::atomic<std::int64_t> sample_count = 0;
  const auto append = [&](int t, int n) {
    std::vector<SeriesSample> samples;
    for (int i = 0; i < samples_per_append; ++i) {
      const double value = std::round(1000 * (50 + 20 * std::sin(n * 0.01 + i))) / 1000;
      samples.push_back({fmt::format("AWS/EC2 CPUUtilization InstanceId i-{:017x}", t * 100 + i),
                         {1'750'000'000'000 + n * 10'000LL, value, value, value, 1}});
    }
    check(sync_wait(store->append_samples(std::move(samples))));
    sample_count += samples_per_append;
  };
  for (const int threads : {1, 16}) measure("append of 20 samples, durable", threads, append);
  (void)store->seal_now();
  std::uint64_t block_bytes = 0;
  const auto sealed = sync_wait(blobs->list({}, TimePoint::max(), 100'000)).value();
  for (const BlobInfo& blob : sealed) block_bytes += blob.size_bytes;
  fmt::print("samples: {} in {} blocks, {:.2f} bytes each\n", sample_count.load(), sealed.size(),
             static_cast<double>(block_bytes) / static_cast<double>(sample_count));

  const auto append_lines = [&](int t, int n) {
    std::vector<LogEvent> events;
    for (int i = 0; i < 10; ++i)
      events.push_back({.timestamp_ms = 1'750'000'000'000 + n,
                        .message = fmt::format("step {} loss {:.4f} tokens/s {} lr 0.0003", n * 10 + i, 5.0 / (n + 1),
                                               8000 + n % 97)});
    check(sync_wait(store->append_events(fmt::format("stream-{}", t), std::move(events))));
  };
  measure("append of 10 log lines, durable", 16, append_lines);
  (void)store->seal_now();
}

int run(const fs::path& folder) {
  fs::create_directories(folder);
  if (!fs::is_empty(folder)) {
    fmt::print(stderr, "{} is not empty\n", folder.string());
    return 1;
  }
  {
    ThreadPool pool(4);
    bench_rows(folder, pool);
    bench_blobs(folder, pool);
    bench_telemetry(folder, pool);
  }
  for (const auto& entry : fs::directory_iterator(folder)) fs::remove_all(entry.path());
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: bench_engines FOLDER\n");
    return 2;
  }
  return hearth::run(argv[1]);
}
