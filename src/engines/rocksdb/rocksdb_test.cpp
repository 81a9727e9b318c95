#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/rocksdb/metadata_store.h"
#include "ports/metadata_store_contract.h"

namespace hearth {
namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() { path_ = ::mkdtemp(name_); }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  char name_[32] = "/tmp/hearth-rocksdb-XXXXXX";
  std::filesystem::path path_;
};

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

// A child process acknowledges commits through a pipe until it is killed; each acknowledged row must be there
// afterwards.
TEST(RocksDbMetadataStore, AcknowledgedCommitsSurviveKillMinusNine) {
  TemporaryFolder folder;
  int acknowledged[2];
  ASSERT_EQ(::pipe(acknowledged), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ThreadPool pool(1);
    auto store = open_rocksdb_metadata_store({.folder = folder.path()}, pool).value();
    for (int i = 0;; ++i)
      if (sync_wait(put(*store, "k" + std::to_string(i), std::string(2000, 'x'))) &&
          ::write(acknowledged[1], &i, sizeof i) < 0)
        ::_exit(1);
  }
  int count = 0;
  for (int i; count < 200 && ::read(acknowledged[0], &i, sizeof i) == sizeof i;) count = i + 1;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(acknowledged[1]);
  for (int i; ::read(acknowledged[0], &i, sizeof i) == sizeof i;) count = i + 1;
  ::close(acknowledged[0]);

  ThreadPool pool(1);
  const auto store = open_rocksdb_metadata_store({.folder = folder.path()}, pool).value();
  ASSERT_GE(count, 200);
  for (int i = 0; i < count; ++i) EXPECT_TRUE(sync_wait(store->get("k" + std::to_string(i)))->has_value()) << i;
}

// On an executor a commit suspends instead of blocking, so one thread can have many commits under way.
Async<void> count_commit(MetadataStore& store, int i) {
  return put(store, "row" + std::to_string(i), "x");
}

TEST(RocksDbMetadataStore, OneExecutorThreadCanWaitForManyCommits) {
  RocksDb rocks;
  class OneThread final : public Executor {
   public:
    void post(std::move_only_function<void()> work) override { pool_.post(std::move(work)); }

   private:
    ThreadPool pool_{1};
  } executor;
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
