#include "cli/text.h"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

using std::chrono::seconds;

TEST(Duration, IsWrittenAsPeopleWriteIt) {
  EXPECT_EQ(*parse_duration("90"), seconds(90));
  EXPECT_EQ(*parse_duration("90s"), seconds(90));
  EXPECT_EQ(*parse_duration("10m"), seconds(600));
  EXPECT_EQ(*parse_duration("1h30m"), seconds(5'400));
  EXPECT_EQ(*parse_duration("2d"), seconds(172'800));
}

TEST(Duration, RefusesWhatItDoesNotUnderstandAndSaysHowToWriteIt) {
  for (const char* text : {"", "m", "10 m", "-5m", "10y", "1.5h", "99999999999999999999s", "100000000d"}) {
    const auto result = parse_duration(text);
    ASSERT_FALSE(result) << text;
    EXPECT_NE(result.error().message().find("10m"), std::string::npos);
  }
}

TEST(Show, NumbersStayShort) {
  EXPECT_EQ(show_bytes(512), "512 B");
  EXPECT_EQ(show_bytes(1536), "1.5 KiB");
  EXPECT_EQ(show_age(seconds(45)), "45s");
  EXPECT_EQ(show_age(seconds(7'500)), "2h");
  EXPECT_EQ(show_number(0.123456), "0.1235");
  EXPECT_EQ(show_number(1500), "1500");
}

TEST(Pairs, SplitAtTheFirstEqualsSign) {
  const auto pairs = parse_pairs("InstanceId=i-1,Query=a=b");
  ASSERT_TRUE(pairs);
  ASSERT_EQ(pairs->size(), 2u);
  EXPECT_EQ((*pairs)[1].second, "a=b");
  EXPECT_FALSE(parse_pairs("InstanceId"));
}

TEST(ShellWord, QuotesWhatTheShellWouldRead) {
  EXPECT_EQ(shell_word("plain-word/1.txt"), "plain-word/1.txt");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(shell_command({"echo", "a b", "c"}), "echo 'a b' c");
}

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({"NAME", "STATE"});
  table.add({"hör", "running"});
  EXPECT_EQ(table.text(), "NAME  STATE\nhör   running\n");
}

}  // namespace
}  // namespace hearth::cli
