#include "base/key.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace hearth {
namespace {

TEST(Key, OrderOfKeysIsOrderOfParts) {
  std::mt19937 random(7);
  std::vector<std::vector<std::string>> tuples;
  for (int i = 0; i < 400; ++i) {
    std::vector<std::string> parts(1 + random() % 3);
    for (std::string& part : parts)
      for (unsigned n = random() % 4; n > 0; --n)
        part +=
            "\0\x01\xff"
            "ab"[random() % 5];
    tuples.push_back(parts);
  }
  const auto encode = [](const std::vector<std::string>& parts) {
    KeyBuilder builder;
    for (const std::string& part : parts) builder.text(part);
    return std::move(builder).take();
  };
  for (const auto& a : tuples)
    for (const auto& b : tuples) EXPECT_EQ(a < b, encode(a) < encode(b));
}

TEST(Key, ReadsBackWhatWasWritten) {
  KeyBuilder builder;
  builder.text(std::string_view("a\0b", 3)).number(77).text("").text("z");
  const std::string key = std::move(builder).take();
  KeyReader reader(key);
  EXPECT_EQ(reader.take_text(), std::string("a\0b", 3));
  EXPECT_EQ(reader.take_number(), 77u);
  EXPECT_EQ(reader.take_text(), "");
  EXPECT_EQ(reader.take_text(), "z");
  EXPECT_TRUE(reader.empty());
}

TEST(Key, DescendingNumbersPutTheNewestFirst) {
  KeyBuilder older, newer;
  older.number_descending(1);
  newer.number_descending(2);
  EXPECT_LT(newer.bytes(), older.bytes());
}

TEST(Key, AfterPrefixIsAboveEveryKeyOfThePrefix) {
  EXPECT_EQ(after_prefix("ab"), "ac");
  EXPECT_EQ(after_prefix("a\xff\xff"), "b");
  EXPECT_EQ(after_prefix("\xff"), "");
}

}  // namespace
}  // namespace hearth
