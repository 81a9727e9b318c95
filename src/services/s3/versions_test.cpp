#include "services/s3/versions.h"

#include <algorithm>

#include "services/s3/s3_fixture.h"

namespace hearth::s3 {
namespace {

struct VersionedFixture : S3Fixture {
  VersionedFixture() { set_versioning("photos", "Enabled"); }

  Result<types::ListObjectVersionsOutput> list() {
    types::ListObjectVersionsRequest in;
    in.bucket = "photos";
    return call(&S3Service::list_object_versions, in);
  }
};

TEST(Versioning, EveryPutIsReadBackByItsVersion) {
  VersionedFixture s3;
  const std::string first = s3.put_version("photos", "cat", "one");
  const std::string second = s3.put_version("photos", "cat", numbered(100'000));
  EXPECT_NE(first, second);
  EXPECT_EQ(s3.read("photos", "cat"), numbered(100'000));
  EXPECT_EQ(s3.read_version("photos", "cat", first), "one");
  EXPECT_EQ(*s3.get("photos", "cat")->version_id, second);
  EXPECT_EQ(s3.read_version("photos", "cat", std::string(32, '0')), "NoSuchVersion");
  EXPECT_EQ(s3.read_version("photos", "cat", "nonsense"), "InvalidArgument");
}

TEST(Versioning, ADeleteMarkerHidesAndIsTakenAwayAgain) {
  VersionedFixture s3;
  const std::string version = s3.put_version("photos", "cat", "meow");
  const auto deleted = s3.remove("photos", "cat");
  EXPECT_TRUE(deleted->delete_marker.value_or(false));
  const std::string marker = *deleted->version_id;

  const auto hidden = s3.get("photos", "cat");
  EXPECT_AWS_ERROR(hidden, 404, "NoSuchKey");
  const std::pair<std::string, std::string> says_so("x-amz-delete-marker", "true");
  EXPECT_NE(std::ranges::find(hidden.error().fields(), says_so), hidden.error().fields().end());
  auto in = S3Fixture::get_request("photos", "cat");
  in.version_id = marker;
  EXPECT_AWS_ERROR(s3.get(in), 405, "MethodNotAllowed");
  EXPECT_EQ(s3.read_version("photos", "cat", version), "meow");

  const auto restored = s3.remove_version("photos", "cat", marker);
  EXPECT_TRUE(restored->delete_marker.value_or(false));
  EXPECT_EQ(s3.read("photos", "cat"), "meow");
}

TEST(Versioning, DeletingTheLastVersionLeavesNothing) {
  VersionedFixture s3;
  const std::size_t rows_before = s3.row_count();
  const std::string first = s3.put_version("photos", "cat", numbered(70'000, 1));
  const std::string second = s3.put_version("photos", "cat", numbered(70'000, 2));
  ASSERT_TRUE(s3.remove_version("photos", "cat", second));
  EXPECT_EQ(s3.read("photos", "cat"), numbered(70'000, 1));
  ASSERT_TRUE(s3.remove_version("photos", "cat", first));
  EXPECT_EQ(s3.read("photos", "cat"), "NoSuchKey");
  EXPECT_TRUE(s3.remove_version("photos", "cat", first)) << "a version that is gone is deleted";
  ASSERT_TRUE(s3.s3.sweep());
  EXPECT_EQ(s3.row_count(), rows_before);
  EXPECT_EQ(s3.blob_count(), 0u);
}

TEST(Versioning, AnObjectFromBeforeIsTheNullVersion) {
  S3Fixture s3;
  ASSERT_TRUE(s3.put("photos", "cat", "old"));
  s3.set_versioning("photos", "Enabled");
  EXPECT_EQ(*s3.get("photos", "cat")->version_id, "null");
  s3.put_version("photos", "cat", "new");
  EXPECT_EQ(s3.read("photos", "cat"), "new");
  EXPECT_EQ(s3.read_version("photos", "cat", "null"), "old");
  ASSERT_TRUE(s3.remove_version("photos", "cat", "null"));
  EXPECT_EQ(s3.read_version("photos", "cat", "null"), "NoSuchVersion");
  EXPECT_EQ(s3.read("photos", "cat"), "new");
}

TEST(Versioning, SuspendedPutsReplaceTheNullVersionWhereverItLies) {
  S3Fixture s3;
  ASSERT_TRUE(s3.put("photos", "cat", "null 1"));
  s3.set_versioning("photos", "Enabled");
  const std::string kept = s3.put_version("photos", "cat", "kept");
  s3.set_versioning("photos", "Suspended");
  EXPECT_EQ(s3.put_version("photos", "cat", "null 2"), "null");
  EXPECT_EQ(s3.put_version("photos", "cat", "null 3"), "null");
  EXPECT_EQ(s3.read("photos", "cat"), "null 3");
  EXPECT_EQ(s3.read_version("photos", "cat", "null"), "null 3");
  EXPECT_EQ(s3.read_version("photos", "cat", kept), "kept");

  const auto deleted = s3.remove("photos", "cat");
  EXPECT_EQ(*deleted->version_id, "null") << "the marker takes the null version's place";
  EXPECT_EQ(s3.read("photos", "cat"), "NoSuchKey");
  ASSERT_TRUE(s3.remove_version("photos", "cat", "null"));
  EXPECT_EQ(s3.read("photos", "cat"), "kept");
}

TEST(Versioning, TheNullVersionIsFoundAfterNewerOnesCameAndWent) {
  S3Fixture s3;
  ASSERT_TRUE(s3.put("photos", "cat", "null"));
  s3.set_versioning("photos", "Enabled");
  const std::string second = s3.put_version("photos", "cat", "2");
  const std::string third = s3.put_version("photos", "cat", "3");
  ASSERT_TRUE(s3.remove_version("photos", "cat", third));
  EXPECT_EQ(s3.read_version("photos", "cat", "null"), "null");
  ASSERT_TRUE(s3.remove_version("photos", "cat", second));
  EXPECT_EQ(s3.read("photos", "cat"), "null");
  s3.put_version("photos", "cat", "4");
  EXPECT_EQ(s3.read_version("photos", "cat", "null"), "null");
}

TEST(ListObjectVersions, IsNewestFirstAndPagesInTheMiddleOfAKey) {
  VersionedFixture s3;
  std::vector<std::string> expected;  // key/version in listed order
  for (const std::string key : {"a", "b"}) {
    std::vector<std::string> versions;
    for (int i = 0; i < 5; ++i) versions.push_back(key + "/" + s3.put_version("photos", key, std::to_string(i)));
    expected.insert(expected.end(), versions.rbegin(), versions.rend());
  }
  for (const std::int32_t page_size : {1, 2, 3, 1000}) {
    std::vector<std::string> listed;
    std::size_t newest_count = 0;
    types::ListObjectVersionsRequest in;
    in.bucket = "photos";
    in.max_keys = page_size;
    for (;;) {
      const auto out = s3.call(&S3Service::list_object_versions, in);
      ASSERT_TRUE(out);
      for (const types::ObjectVersion& version : *out->versions) {
        listed.push_back(*version.key + "/" + *version.version_id);
        if (*version.is_latest) ++newest_count;
      }
      if (!*out->is_truncated) break;
      in.key_marker = *out->next_key_marker;
      in.version_id_marker = *out->next_version_id_marker;
    }
    EXPECT_EQ(listed, expected) << page_size;
    EXPECT_EQ(newest_count, 2u) << page_size;
  }
}

TEST(ListObjectVersions, ShowsDeleteMarkersThatPlainListsHide) {
  VersionedFixture s3;
  s3.put_version("photos", "cat", "meow");
  ASSERT_TRUE(s3.remove("photos", "cat"));
  const auto out = s3.list();
  ASSERT_EQ(out->versions->size(), 1u);
  ASSERT_EQ(out->delete_markers->size(), 1u);
  EXPECT_FALSE(*out->versions->front().is_latest);
  EXPECT_TRUE(*out->delete_markers->front().is_latest);
  types::ListObjectsV2Request plain;
  plain.bucket = "photos";
  EXPECT_EQ(*s3.call(&S3Service::list_objects_v2, plain)->key_count, 0);
}

TEST(VersionedDelete, ConcurrentDeletesOfOneVersionAllSucceed) {
  VersionedFixture s3;
  const std::string first = s3.put_version("photos", "cat", numbered(70'000, 1));
  const std::string second = s3.put_version("photos", "cat", numbered(70'000, 2));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      types::DeleteObjectRequest in;
      in.bucket = "photos";
      in.key = "cat";
      in.version_id = second;
      EXPECT_TRUE(s3.call_as(S3Fixture::context_of("111122223333"), &S3Service::delete_object, in));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(s3.read("photos", "cat"), numbered(70'000, 1));
  ASSERT_TRUE(s3.s3.sweep());
  EXPECT_EQ(s3.blob_count(), 1u);
}

}  // namespace
}  // namespace hearth::s3
