#include "llm/infer/scratch_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "llm/testing/tiny_model.h"

namespace hearth::llm::infer {
namespace {

std::size_t folder_count(const std::filesystem::path& cache) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(cache)) count += entry.is_directory();
  return count;
}

// A process that is killed in the middle of fetching a model.
void die_in_the_middle(const std::filesystem::path& cache) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto scratch = ScratchFolder::make(cache);
    if (scratch) std::ofstream(scratch->path() / "model.safetensors") << "half of it";
    ::_exit(scratch ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
}

TEST(ScratchFolder, OneThatDiedInTheMiddleIsTidiedUpAfterByTheNext) {
  const testing::TemporaryFolder cache;
  die_in_the_middle(cache.path());
  die_in_the_middle(cache.path());
  EXPECT_EQ(folder_count(cache.path()), 1u) << "the second removed the first's";
  {
    const auto scratch = ScratchFolder::make(cache.path());
    ASSERT_TRUE(scratch);
    EXPECT_EQ(folder_count(cache.path()), 1u);
    EXPECT_TRUE(std::filesystem::is_empty(scratch->path()));
  }
  EXPECT_EQ(folder_count(cache.path()), 0u);
}

TEST(ScratchFolder, OneThatIsInUseStays) {
  const testing::TemporaryFolder cache;
  const auto mine = ScratchFolder::make(cache.path());
  const auto others = ScratchFolder::make(cache.path());
  ASSERT_TRUE(mine && others);
  EXPECT_EQ(folder_count(cache.path()), 2u);
  remove_scratch_folders();
  EXPECT_EQ(folder_count(cache.path()), 0u);
}

TEST(ScratchFolder, ACacheThatCannotBeMadeIsAnErrorThatNamesIt) {
  const auto made = ScratchFolder::make("/proc/no/such");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().detail(), "/proc/no/such");
}

}  // namespace
}  // namespace hearth::llm::infer
