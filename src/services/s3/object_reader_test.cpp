#include "services/s3/object_reader.h"

#include "services/s3/s3_fixture.h"

namespace hearth::s3 {
namespace {

TEST(ObjectReader, OpensTheNewestVersionAndKnowsWhatIsNotThere) {
  S3Fixture s3;
  S3ObjectReader reader(s3.s3);
  ASSERT_TRUE(s3.put("photos", "root.tar", "older"));
  ASSERT_TRUE(s3.put("photos", "root.tar", "bytes"));
  const auto opened = sync_wait(reader.open_object("photos", "root.tar"));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->size_bytes, 5U);
  EXPECT_FALSE(opened->etag.empty());
  constexpr std::size_t limit = 100;
  EXPECT_EQ(sync_wait(read_all(*opened->body, limit)).value(), "bytes");
  EXPECT_EQ(sync_wait(reader.open_object("photos", "nobody")).error().kind(), ErrorKind::not_found);
  EXPECT_EQ(sync_wait(reader.open_object("nobody", "root.tar")).error().kind(), ErrorKind::not_found);
}

}  // namespace
}  // namespace hearth::s3
