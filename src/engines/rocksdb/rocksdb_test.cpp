#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>

#include "base/temporary_folder.h"
#include "base/watched_disk.h"
#include "engines/rocksdb/metadata_store.h"
#include "ports/metadata_store_contract.h"

namespace hearth {
namespace {

struct RocksDb final : MetadataStoreUnderTest {
  MetadataStore& store() override { return *opened; }
  bool reopen() override {
    opened.reset();
    opened = open_rocksdb_metadata_store({.folder = folder.path()}, pool).value();
    return true;
  }
  TemporaryFolder folder;
  ThreadPool pool{1};
  std::unique_ptr<MetadataStore> opened = open_rocksdb_metadata_store({.folder = folder.path()}, pool).value();
};
std::unique_ptr<MetadataStoreUnderTest> make_rocksdb() {
  return std::make_unique<RocksDb>();
}
INSTANTIATE_TEST_SUITE_P(RocksDb, MetadataStoreContract, testing::Values(MetadataStoreMaker(make_rocksdb)));

Async<void> put(MetadataStore& store, std::string key, std::string value) {
  auto tx = store.begin();
  tx->put(key, std::move(value));
  return store.commit(std::move(tx));
}

TEST(RocksDbMetadataStore, AFolderThatIsOpenElsewhereIsUnavailable) {
  RocksDb first;
  const auto second = open_rocksdb_metadata_store({.folder = first.folder.path()}, first.pool);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind(), ErrorKind::unavailable);
}

// The victim of the test below, in a process of its own: commits rows for ever and says so, one number each, on the
// descriptor that the test gave it.
constexpr const char* victim_folder_variable = "HEARTH_TEST_VICTIM_FOLDER";
constexpr int victim_descriptor = 9;

TEST(RocksDbMetadataStore, DISABLED_VictimOfKillMinusNine) {
  const char* folder = ::getenv(victim_folder_variable);
  ASSERT_TRUE(folder) << "only for the next test";
  ThreadPool pool(1);
  const auto store = open_rocksdb_metadata_store({.folder = folder}, pool).value();
  for (int i = 0;; ++i) {
    ASSERT_TRUE(sync_wait(put(*store, "k" + std::to_string(i), std::string(2000, 'x'))));
    ASSERT_EQ(::write(victim_descriptor, &i, sizeof i), static_cast<ssize_t>(sizeof i));
  }
}

TEST(RocksDbMetadataStore, AcknowledgedCommitsSurviveKillMinusNine) {
  TemporaryFolder folder;
  int acknowledged[2];
  ASSERT_EQ(::pipe(acknowledged), 0);
  const pid_t victim = ::fork();
  if (victim == 0) {
    ::dup2(acknowledged[1], victim_descriptor);
    ::close(acknowledged[0]);
    ::setenv(victim_folder_variable, folder.path().c_str(), 1);
    ::execl("/proc/self/exe", "victim", "--gtest_also_run_disabled_tests",
            "--gtest_filter=RocksDbMetadataStore.DISABLED_VictimOfKillMinusNine", nullptr);
    ::_exit(1);
  }
  ::close(acknowledged[1]);
  constexpr int enough = 200;
  int count = 0;
  for (int i; count < enough && ::read(acknowledged[0], &i, sizeof i) == sizeof i;) count = i + 1;
  ::kill(victim, SIGKILL);
  ::waitpid(victim, nullptr, 0);
  for (int i; ::read(acknowledged[0], &i, sizeof i) == sizeof i;) count = i + 1;
  ::close(acknowledged[0]);

  ThreadPool pool(1);
  const auto store = open_rocksdb_metadata_store({.folder = folder.path()}, pool).value();
  ASSERT_GE(count, enough);
  for (int i = 0; i < count; ++i) EXPECT_TRUE(sync_wait(store->get("k" + std::to_string(i)))->has_value()) << i;
}

// Every file with its size and when it last changed; nothing if one went meanwhile.
std::optional<std::map<std::string, std::string>> list_files(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error); !error && entry != end(entry);
       entry.increment(error)) {
    const auto size_bytes = entry->file_size(error);
    if (error) break;
    const auto changed = entry->last_write_time(error);
    if (error) break;
    files[entry->path().filename()] =
        std::to_string(size_bytes) + " " + std::to_string(changed.time_since_epoch().count());
  }
  return error ? std::nullopt : std::optional(files);
}

// What a kill at this moment would leave. RocksDB tidies up beside us after a failure: a copy counts if nothing changed
// while it was made.
bool row_is_there_after_a_kill(const RocksDb& rocks, const std::string& key) {
  TemporaryFolder copy;
  for (const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);;) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("the folder is never still");
    const auto before = list_files(rocks.folder.path());
    std::error_code error;
    std::filesystem::remove_all(copy.path() / "rows", error);
    std::filesystem::copy(rocks.folder.path(), copy.path() / "rows", std::filesystem::copy_options::recursive, error);
    if (!error && before && before == list_files(rocks.folder.path())) break;
  }
  ThreadPool pool(1);
  const auto store = open_rocksdb_metadata_store({.folder = copy.path() / "rows"}, pool).value();
  return sync_wait(store->get(key))->has_value();
}

TEST(RocksDbMetadataStore, WhatADiskFailedToKeepDoesNotComeBackAfterARestart) {
  RocksDb rocks;
  ASSERT_TRUE(sync_wait(put(*rocks.opened, "kept", "x")));
  WatchedDisk::fail_syncs(1);
  EXPECT_EQ(sync_wait(put(*rocks.opened, "refused", "x")).error().kind(), ErrorKind::unavailable);
  EXPECT_EQ(WatchedDisk::failed_count(), 1);
  EXPECT_FALSE(sync_wait(rocks.opened->get("refused"))->has_value());
  EXPECT_TRUE(row_is_there_after_a_kill(rocks, "kept"));
  EXPECT_FALSE(row_is_there_after_a_kill(rocks, "refused"));
  ASSERT_TRUE(sync_wait(put(*rocks.opened, "later", "x")));
  EXPECT_TRUE(row_is_there_after_a_kill(rocks, "later"));
  EXPECT_FALSE(row_is_there_after_a_kill(rocks, "refused"));
  rocks.reopen();
  EXPECT_FALSE(sync_wait(rocks.opened->get("refused"))->has_value());
}

TEST(RocksDbMetadataStore, NothingIsAcknowledgedOnALogThatLostWrites) {
  RocksDb rocks;
  ASSERT_TRUE(sync_wait(put(*rocks.opened, "kept", "x")));
  WatchedDisk::fail_syncs(2);  // of the commit, and of taking it back
  EXPECT_FALSE(sync_wait(put(*rocks.opened, "refused", "x")));
  bool taken = false;
  for (int i = 0; i < 100 && !taken; ++i) taken = sync_wait(put(*rocks.opened, "later", "x")).has_value();
  ASSERT_TRUE(taken) << "a disk that works again is used again";
  EXPECT_TRUE(row_is_there_after_a_kill(rocks, "later"));
  EXPECT_FALSE(row_is_there_after_a_kill(rocks, "refused"));
}

// On an executor a commit suspends instead of blocking, so one thread can have many commits under way.
Async<void> count_commit(MetadataStore& store, int i) {
  return put(store, "row" + std::to_string(i), "x");
}

TEST(RocksDbMetadataStore, OneExecutorThreadCanWaitForManyCommits) {
  class OneThread final : public Executor {
   public:
    void post(std::move_only_function<void()> work) override { pool_.post(std::move(work)); }

   private:
    ThreadPool pool_{1};
  } executor;
  RocksDb rocks;  // goes before the executor that its committer posts to
  constexpr int commit_count = 200;
  std::mutex mutex;
  std::condition_variable changed;
  int done_count = 0;
  executor.post([&] {
    Executor::set_current(&executor);
    for (int i = 0; i < commit_count; ++i)
      start(count_commit(*rocks.opened, i), [&](Result<void> committed) {
        EXPECT_TRUE(committed);
        EXPECT_EQ(Executor::current(), &executor) << "it goes on where it was";
        std::lock_guard lock(mutex);
        ++done_count;
        changed.notify_one();
      });
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return done_count == commit_count; });
  EXPECT_EQ(sync_wait(rocks.opened->scan(KeyRange::prefix("row"), 1000))->size(), 200u);
}

}  // namespace
}  // namespace hearth
