#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/temporary_folder.h"
#include "base/watched_disk.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

TEST(Descriptor, ClosesWhatItOwnsOnce) {
  const int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    Descriptor first(raw);
    const Descriptor second(std::move(first));
    EXPECT_FALSE(first);
    EXPECT_EQ(second.get(), raw);
  }
  EXPECT_LT(::fcntl(raw, F_GETFD), 0);
}

TEST(File, AFullDiskIsNoSpace) {
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(write_all(full.get(), std::string_view("x")).error().kind(), ErrorKind::no_space);
}

TEST(File, NewFoldersAreSyncedIntoTheOneThatWasThere) {
  TemporaryFolder folder;
  WatchedDisk::forget_synced();
  ASSERT_TRUE(make_folders(folder.path() / "a" / "b" / "c"));
  EXPECT_TRUE(fs::is_directory(folder.path() / "a" / "b" / "c"));
  for (const char* above : {"", "a", "a/b"}) EXPECT_TRUE(WatchedDisk::has_synced(folder.path() / above)) << above;
  WatchedDisk::forget_synced();
  ASSERT_TRUE(make_folders(folder.path() / "a" / "b" / "c" / ""));
  EXPECT_FALSE(WatchedDisk::has_synced(folder.path() / "a" / "b")) << "nothing is new";
}

TEST(File, AFolderThatCannotBeMadeOrSyncedSaysSo) {
  TemporaryFolder folder;
  ASSERT_TRUE(make_folders(folder.path() / "a"));
  Descriptor(::open((folder.path() / "file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  EXPECT_FALSE(make_folders(folder.path() / "file" / "b"));
  WatchedDisk::fail_syncs(1);
  EXPECT_FALSE(make_folders(folder.path() / "c"));
  EXPECT_FALSE(sync_folder(folder.path() / "none"));
}

}  // namespace
}  // namespace hearth
