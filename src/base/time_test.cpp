#include "base/time.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

std::string read_and_write(std::string_view text) {
  const Result<TimePoint> time = parse_time(text);
  return time ? format_iso8601(*time) : "";
}

TEST(ParseTime, ReadsTheFormsClientsSend) {
  EXPECT_EQ(read_and_write("2026-11-23T12:00:00.123Z"), "2026-11-23T12:00:00.123Z");
  EXPECT_EQ(read_and_write("2026-11-23T12:00:00+01:30"), "2026-11-23T10:30:00.000Z");
  EXPECT_EQ(read_and_write("2026-11-23"), "2026-11-23T00:00:00.000Z");
  EXPECT_EQ(read_and_write("Mon, 23 Nov 2026 12:00:00 GMT"), "2026-11-23T12:00:00.000Z");
  EXPECT_EQ(read_and_write("1700000000.5"), "2023-11-14T22:13:20.500Z");
  EXPECT_EQ(read_and_write("2026-02-30T00:00:00Z"), "");
  EXPECT_EQ(read_and_write("soon"), "");
}

// Policies say DateLessThan 9999-12-31 for "for ever": that must not become a moment long past.
TEST(ParseTime, TimesFarAwayAreTheFarthestThereIs) {
  EXPECT_EQ(parse_time("9999-12-31T23:59:59.999Z").value(), TimePoint::max());
  EXPECT_EQ(parse_time("2262-04-12T00:00:00Z").value(), TimePoint::max());
  EXPECT_EQ(parse_time("Fri, 31 Dec 9999 23:59:59 GMT").value(), TimePoint::max());
  EXPECT_EQ(parse_time("0000-01-01T00:00:00+99:99").value(), TimePoint::min());
  EXPECT_EQ(read_and_write("2262-04-11T23:47:15.999Z"), "2262-04-11T23:47:15.999Z");
  EXPECT_EQ(read_and_write("1677-09-21T00:12:44Z"), "1677-09-21T00:12:44.000Z");
}

}  // namespace
}  // namespace hearth
