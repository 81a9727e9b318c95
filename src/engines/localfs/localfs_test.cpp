#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <fstream>

#include "base/temporary_folder.h"
#include "base/watched_disk.h"
#include "engines/localfs/blob_store.h"
#include "ports/blob_store_contract.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

std::size_t file_count(const fs::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) count += entry.is_regular_file();
  return count;
}

struct LocalFs final : BlobStoreUnderTest {
  explicit LocalFs(const Clock& clock) : clock(clock) { reopen(); }
  BlobStore& store() override { return *opened; }
  bool reopen() override {
    opened.reset();
    opened = open_local_blob_store(folder.path(), clock, ids, pool).value();
    return true;
  }
  const Clock& clock;
  SystemIds ids;
  TemporaryFolder folder;
  ThreadPool pool{2};
  std::unique_ptr<BlobStore> opened;
};
std::unique_ptr<BlobStoreUnderTest> make_localfs(const Clock& clock) {
  return std::make_unique<LocalFs>(clock);
}
INSTANTIATE_TEST_SUITE_P(LocalFs, BlobStoreContract, testing::Values(BlobStoreMaker(make_localfs)));

TEST(LocalBlobStore, WhatAnUnfinishedPutLeftIsSweptAtOpen) {
  FakeClock clock;
  LocalFs local(clock);
  std::ofstream(local.folder.path() / "tmp" / "0123") << "half of a blob";
  ASSERT_TRUE(local.reopen());
  EXPECT_EQ(file_count(local.folder.path()), 0u);
}

TEST(LocalBlobStore, ABodyThatFailsLeavesNoFile) {
  FakeClock clock;
  LocalFs local(clock);
  BrokenSource body(3 << 20);
  EXPECT_FALSE(sync_wait(local.opened->put(body)));
  EXPECT_EQ(file_count(local.folder.path()), 0u);
}

TEST(LocalBlobStore, TheWayToABlobIsSyncedAlsoAfterAClear) {
  FakeClock clock;
  LocalFs local(clock);
  const fs::path blobs = local.folder.path() / "blobs";
  for (const char* when : {"first", "after a clear"}) {
    WatchedDisk::forget_synced();
    StringSource body("x");
    const auto put = sync_wait(local.opened->put(body)).value();
    const fs::path outer = blobs / put.id.value.substr(0, 2), inner = outer / put.id.value.substr(2, 2);
    for (const auto& synced : {inner / put.id.value, inner, outer, blobs})
      EXPECT_TRUE(WatchedDisk::has_synced(synced)) << when << synced;
    ASSERT_TRUE(sync_wait(local.opened->clear()));
  }
}

TEST(LocalBlobStore, ANewStoreIsThereAfterAPowerCut) {
  FakeClock clock;
  SystemIds ids;
  ThreadPool pool(1);
  TemporaryFolder folder;
  WatchedDisk::forget_synced();
  ASSERT_TRUE(open_local_blob_store(folder.path() / "data" / "objects", clock, ids, pool));
  for (const char* above : {"", "data", "data/objects"})
    EXPECT_TRUE(WatchedDisk::has_synced(folder.path() / above)) << above;
}

TEST(LocalBlobStore, ABlobThatTheDiskDidNotKeepIsNotThere) {
  FakeClock clock;
  LocalFs local(clock);
  for (const int good_count : {0, 1, 2}) {  // its bytes, or a folder on the way to it
    StringSource body("x");
    WatchedDisk::fail_syncs(1, good_count);
    const auto put = sync_wait(local.opened->put(body));
    ASSERT_FALSE(put) << good_count;
    EXPECT_EQ(put.error().kind(), ErrorKind::unavailable);
    EXPECT_EQ(file_count(local.folder.path()), 0u);
  }
}

TEST(LocalBlobStore, WhatIsNotInMemoryIsFetchedAStepAtATime) {
  FakeClock clock;
  LocalFs local(clock);
  const std::string bytes = numbered_bytes((6 << 20) + 5);
  LendingSource body(bytes);
  const auto blob = sync_wait(local.opened->put(body)).value();
  const auto source = sync_wait(local.opened->open(blob.id, {0, bytes.size() - 1})).value();
  auto slice = source->file_slice().value();
  ::posix_fadvise(slice.fd, 0, 0, POSIX_FADV_DONTNEED);
  std::string sent;
  for (int steps = 0; slice.length > 0; ++steps) {
    ASSERT_LT(steps, 100);
    const std::uint64_t count = sync_wait(source->fetch(slice)).value();
    ASSERT_GT(count, 0u);
    ASSERT_LE(count, std::min<std::uint64_t>(slice.length, 1 << 20));
    std::string piece(count, '\0');
    ASSERT_EQ(::pread(slice.fd, piece.data(), count, static_cast<off_t>(slice.offset)), static_cast<ssize_t>(count));
    sent += piece;
    slice.offset += count;
    slice.length -= count;
  }
  EXPECT_TRUE(sent == bytes);
}

// A real full disk: a small file system in memory, which needs root.
TEST(LocalBlobStore, AFullDiskIsNoSpaceAndLeavesNothing) {
  FakeClock clock;
  SystemIds ids;
  ThreadPool pool(1);
  TemporaryFolder mount_point;
  if (::mount("tmpfs", mount_point.path().c_str(), "tmpfs", 0, "size=4m") != 0) GTEST_SKIP() << "cannot mount here";
  {
    const auto store = open_local_blob_store(mount_point.path(), clock, ids, pool).value();
    StringSource known(numbered_bytes(8 << 20));
    const auto refused = sync_wait(store->put(known));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::no_space);

    BrokenSource of_unknown_length(8 << 20);
    const auto filled = sync_wait(store->put(of_unknown_length));
    ASSERT_FALSE(filled);
    EXPECT_EQ(filled.error().kind(), ErrorKind::no_space);
    EXPECT_EQ(file_count(mount_point.path()), 0u);

    StringSource small(numbered_bytes(1 << 20));
    EXPECT_TRUE(sync_wait(store->put(small))) << "and what fits is still taken";
  }
  ::umount(mount_point.path().c_str());
}

}  // namespace
}  // namespace hearth
