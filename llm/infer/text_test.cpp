// Text on its way out: whole characters only, nothing of a stop sequence.
#include <gtest/gtest.h>

#include "llm/infer/stop_matcher.h"
#include "llm/infer/utf8_buffer.h"

namespace hearth::llm::infer {
namespace {

TEST(Utf8Buffer, HoldsACharacterBackUntilItIsWhole) {
  Utf8Buffer buffer;
  EXPECT_EQ(buffer.add("a\xF0\x9F"), "a");
  EXPECT_EQ(buffer.add("\x98"), "");
  EXPECT_EQ(buffer.add("\x80!"), "\xF0\x9F\x98\x80!");
  EXPECT_EQ(buffer.finish(), "");
}

TEST(Utf8Buffer, ReplacesWhatCanNeverBecomeACharacter) {
  const auto through = [](std::string_view bytes) {
    Utf8Buffer buffer;
    std::string text = buffer.add(bytes);
    return text + buffer.finish();
  };
  const std::string replacement = "\xEF\xBF\xBD";
  EXPECT_EQ(through("\xFFz"), replacement + "z");
  EXPECT_EQ(through("\xC0\x80"), replacement + replacement);                    // a longer form of NUL
  EXPECT_EQ(through("\xED\xA0\x80"), replacement + replacement + replacement);  // a surrogate
  EXPECT_EQ(through("\xE2\x82z"), replacement + "z");                           // cut off in the middle
  EXPECT_EQ(through("\xE2\x82"), replacement);                                  // cut off at the end
}

TEST(StopMatcher, FindsASequenceSpreadOverSeveralTokens) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.add("the E"), "the ");
  EXPECT_EQ(matcher.add("N"), "");
  EXPECT_EQ(matcher.add("D of it"), "");
  EXPECT_TRUE(matcher.matched());
  EXPECT_EQ(matcher.add("more"), "");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, LetsAFalseStartGo) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.add("EN"), "");
  EXPECT_EQ(matcher.add("EMY"), "ENEMY");
  EXPECT_EQ(matcher.add(" E"), " ");
  EXPECT_EQ(matcher.finish(), "E");
}

TEST(StopMatcher, TheEarliestOfSeveralSequencesCounts) {
  StopMatcher matcher({"\n\n", "User:"});
  EXPECT_EQ(matcher.add("hi User: x\n\n"), "hi ");
  EXPECT_TRUE(matcher.matched());
}

TEST(StopMatcher, AnOverlappingStartIsHeldBackToo) {
  StopMatcher matcher({"aab"});
  EXPECT_EQ(matcher.add("aaa"), "a");
  EXPECT_EQ(matcher.add("b"), "");
  EXPECT_TRUE(matcher.matched());
}

}  // namespace
}  // namespace hearth::llm::infer
