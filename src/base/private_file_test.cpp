#include "base/private_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace hearth {
namespace {
namespace fs = std::filesystem;

TEST(PrivateFile, HoldsTheNewContentAndIsForItsOwnerOnly) {
  std::string pattern = (fs::temp_directory_path() / "hearth-file-XXXXXX").string();
  const fs::path folder = ::mkdtemp(pattern.data());
  const fs::path path = folder / "key";
  ASSERT_TRUE(write_private_file(path, "an old and longer content"));
  ASSERT_TRUE(write_private_file(path, "new"));
  std::string read;
  std::getline(std::ifstream(path), read);
  EXPECT_EQ(read, "new");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1) << "nothing else is left in the folder";
  fs::remove_all(folder);
}

TEST(PrivateFile, SaysWhereItCannotBeWritten) {
  const auto written = write_private_file("/proc/no/such/folder/key", "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind(), ErrorKind::unavailable);
  EXPECT_EQ(written.error().message(), "cannot write key");
  EXPECT_NE(written.error().detail().find("/proc/no/such/folder/key"), std::string::npos);
}

}  // namespace
}  // namespace hearth
