#include "base/row.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

enum class Colour { red, green };
struct Inner {
  std::string name;
  std::int64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (name, count))
struct Outer {
  bool on = false;
  double ratio = 0;
  Colour colour = Colour::red;
  std::optional<std::string> note;
  std::vector<Inner> inners;
  std::map<std::string, std::string> tags;
  std::uint64_t big = 0;
};
BOOST_DESCRIBE_STRUCT(Outer, (), (on, ratio, colour, note, inners, tags, big))

TEST(Row, ReadsBackWhatWasWritten) {
  Outer row{true, 0.25, Colour::green, "hé\"llo", {{"a", -1}, {"b", 2}}, {{"k", "v"}}, 1ull << 60};
  const auto back = row::decode<Outer>(row::encode(row));
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->on);
  EXPECT_EQ(back->colour, Colour::green);
  EXPECT_EQ(back->note, "hé\"llo");
  EXPECT_EQ(back->inners[1].count, 2);
  EXPECT_EQ(back->tags.at("k"), "v");
  EXPECT_EQ(back->big, 1ull << 60);
}

TEST(Row, MembersThatCameLaterKeepTheirDefault) {
  const auto row = row::decode<Outer>(R"({"on":true})");
  ASSERT_TRUE(row);
  EXPECT_TRUE(row->on);
  EXPECT_TRUE(row->inners.empty());
}

TEST(Row, BytesOfAnotherShapeAreCorrupt) {
  for (const char* bytes : {"", "[]", "{\"on\":3}", "{\"inners\":[1]}", "{\"on\":true"}) {
    const auto row = row::decode<Outer>(bytes);
    ASSERT_FALSE(row) << bytes;
    EXPECT_EQ(row.error().kind(), ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace hearth
