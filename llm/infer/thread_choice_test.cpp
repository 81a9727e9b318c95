#include "llm/infer/thread_choice.h"

#include <gtest/gtest.h>

namespace hearth::llm::infer {
namespace {

using std::chrono::milliseconds;

// Decodes `count` batches; with all threads one takes `with_all`. Returns how many used all threads.
int decode(ThreadChoice& choice, int count, milliseconds with_one, milliseconds with_all, std::uint32_t tokens = 1) {
  int used_all = 0;
  for (int i = 0; i < count; ++i) {
    const bool all = choice.next(tokens) > 1;
    used_all += all;
    choice.record(all ? with_all : with_one);
  }
  return used_all;
}

TEST(ThreadChoice, UsesAllThreadsWhereTheyHelp) {
  ThreadChoice choice(4);
  EXPECT_GT(decode(choice, 1000, milliseconds(8), milliseconds(3)), 950);
}

TEST(ThreadChoice, RarelyAsksAgainWhereTheyHarm) {
  ThreadChoice choice(4);
  EXPECT_LT(decode(choice, 1000, milliseconds(3), milliseconds(400)), 8);
}

TEST(ThreadChoice, NoticesThatOthersCameAndWent) {
  ThreadChoice choice(4);
  decode(choice, 100, milliseconds(8), milliseconds(3));
  EXPECT_LT(decode(choice, 500, milliseconds(8), milliseconds(400)), 20);
  decode(choice, 2500, milliseconds(8), milliseconds(3));
  EXPECT_GT(decode(choice, 500, milliseconds(8), milliseconds(3)), 450);
}

TEST(ThreadChoice, NeverTriesAllThreadsOnACrowdedMachine) {
  bool crowded = true;
  ThreadChoice choice(4, [&] { return crowded; });
  EXPECT_EQ(decode(choice, 1000, milliseconds(8), milliseconds(3)), 0);
  crowded = false;
  EXPECT_GT(decode(choice, 1000, milliseconds(8), milliseconds(3)), 900);
}

TEST(ThreadChoice, PromptsAndSingleTokensAreDecidedApart) {
  ThreadChoice choice(2);
  decode(choice, 10, milliseconds(1), milliseconds(2), 1);
  decode(choice, 10, milliseconds(90), milliseconds(50), 300);
  EXPECT_EQ(choice.next(1), 1u);
  choice.record(milliseconds(1));
  EXPECT_EQ(choice.next(500), 2u);
}

}  // namespace
}  // namespace hearth::llm::infer
