#include "base/text.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Text, OnlyAsciiLettersBecomeSmall) {
  EXPECT_EQ(to_lower("X-Amz-Date"), "x-amz-date");
  EXPECT_EQ(to_lower("\xc3\x84@[`{Z"), "\xc3\x84@[`{z");
}

TEST(Text, NamesAreEqualWhateverTheirCase) {
  EXPECT_TRUE(equal_ignoring_case("Content-Type", "content-TYPE"));
  EXPECT_FALSE(equal_ignoring_case("Content-Type", "Content-Typ"));
  EXPECT_FALSE(equal_ignoring_case("@", "`"));
}

TEST(Text, AShellReadsAQuotedWordBack) {
  EXPECT_EQ(shell_quoted("plain"), "'plain'");
  EXPECT_EQ(shell_quoted("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(shell_quoted(""), "''");
}

}  // namespace
}  // namespace hearth
