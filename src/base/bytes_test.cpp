#include "base/bytes.h"

#include <gtest/gtest.h>

#include "base/ids.h"
#include "base/time.h"

namespace hearth {
namespace {

TEST(Bytes, Base64OfTheRfc) {  // RFC 4648 section 10
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : cases) {
    EXPECT_EQ(to_base64(plain), text);
    EXPECT_EQ(from_base64(text), plain);
  }
  for (const char* bad : {"Z", "Zg=", "Zg", "Z===", "====", "Zg==Zg==", "Zm9\n"}) EXPECT_FALSE(from_base64(bad)) << bad;
}

TEST(Bytes, HexRoundTripAndRefusals) {
  EXPECT_EQ(to_hex(std::string("\x00\xff\x10", 3)), "00ff10");
  EXPECT_EQ(from_hex("00FF10"), std::string("\x00\xff\x10", 3));
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("zz"));
}

TEST(Bytes, DigestsOfTheEmptyString) {
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(md5("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),  // RFC 4231 case 2
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
      << "no key is not the key before";
}

TEST(Bytes, ReadAllTakesNoMoreRoomThanTheBodyNeeds) {
  StringSource body(std::string(40, 'x'));
  EXPECT_LT(sync_wait(read_all(body, 1 << 20))->capacity(), 1000u);
}

TEST(Bytes, ReadAllStopsAtItsLimit) {
  StringSource exact(std::string(1000, 'x'));
  EXPECT_EQ(sync_wait(read_all(exact, 1000))->size(), 1000u);
  StringSource over(std::string(1001, 'x'));
  EXPECT_EQ(sync_wait(read_all(over, 1000)).error().kind(), ErrorKind::invalid);
}

TEST(Time, FormsAgree) {
  const TimePoint t = from_ms(1'440'938'160'123);  // 2015-08-30T12:36:00.123Z
  EXPECT_EQ(format_iso8601(t), "2015-08-30T12:36:00.123Z");
  EXPECT_EQ(format_http_date(t), "Sun, 30 Aug 2015 12:36:00 GMT");
  EXPECT_EQ(*parse_time("2015-08-30T12:36:00.123Z"), t);
  EXPECT_EQ(*parse_time("2015-08-30T14:36:00.123+02:00"), t);
  EXPECT_EQ(*parse_time("1440938160.123"), t);
  EXPECT_EQ(to_ms(*parse_time("Sun, 30 Aug 2015 12:36:00 GMT")), 1'440'938'160'000);
}

TEST(Time, NonsenseIsRefused) {
  for (const char* bad : {"", "yesterday", "2015-13-01", "2015-02-30T00:00:00Z", "2015-08-30T25:00:00Z", "nan", "1e300",
                          "2015-08-30T12:36:00Zjunk"})
    EXPECT_FALSE(parse_time(bad)) << bad;
}

TEST(Ids, HaveTheShapeAwsGivesThem) {
  SequenceIds ids;
  EXPECT_EQ(ids.aws_id("i-").size(), 19u);
  EXPECT_EQ(ids.upper_alnum("AKIA", 20).size(), 20u);
  EXPECT_EQ(ids.secret(40).size(), 40u);
  EXPECT_EQ(ids.uuid()[14], '4');
  EXPECT_NE(ids.uuid(), ids.uuid());
}

}  // namespace
}  // namespace hearth
