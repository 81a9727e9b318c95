#include "services/s3/names.h"
#include "services/s3/preconditions.h"
#include "services/s3/s3_fixture.h"

namespace hearth::s3 {
namespace {

TEST(PutObject, IsReadBackBitForBitWhateverItsSize) {
  S3Fixture s3;
  for (const std::size_t size : {0u, 1u, 4096u, 65'536u, 65'537u, 3'000'000u}) {
    const std::string body = numbered(size);
    const auto out = s3.put("photos", "cat", body);
    ASSERT_TRUE(out) << out.error().message();
    EXPECT_EQ(*out->e_tag, '"' + to_hex(md5(body)) + '"');
    EXPECT_EQ(*out->checksum_crc64_nvme, to_base64(checksum_of(ChecksumAlgorithm::crc64nvme, body)));
    EXPECT_FALSE(out->version_id);
    EXPECT_EQ(s3.read("photos", "cat"), body);
  }
}

TEST(PutObject, SmallBodiesMakeNoBlobAndReplacedBlobsAreSwept) {
  S3Fixture s3;
  ASSERT_TRUE(s3.put("photos", "small", numbered(65'536)));
  EXPECT_EQ(s3.blob_count(), 0u);
  ASSERT_TRUE(s3.put("photos", "large", numbered(65'537)));
  ASSERT_TRUE(s3.put("photos", "large", numbered(70'000)));
  EXPECT_EQ(s3.blob_count(), 2u);
  ASSERT_TRUE(s3.s3.sweep());
  EXPECT_EQ(s3.blob_count(), 1u);
  ASSERT_TRUE(s3.remove("photos", "large"));
  ASSERT_TRUE(s3.remove("photos", "small"));
  ASSERT_TRUE(s3.s3.sweep());
  EXPECT_EQ(s3.blob_count(), 0u);
  EXPECT_EQ(s3.row_count(), 2u) << "only the bucket and its owner's row are left";
}

TEST(PutObject, ABlobThatNoRowNamesIsSweptAfterAnHour) {
  S3Fixture s3;
  StringSource orphan("left by a crash");
  ASSERT_TRUE(sync_wait(s3.blobs.put(orphan)));
  ASSERT_TRUE(s3.put("photos", "large", numbered(70'000)));
  ASSERT_TRUE(s3.s3.sweep());
  EXPECT_EQ(s3.blob_count(), 2u);
  s3.clock.advance(std::chrono::hours(2));
  ASSERT_TRUE(s3.s3.sweep());
  EXPECT_EQ(s3.blob_count(), 1u);
  EXPECT_EQ(s3.read("photos", "large"), numbered(70'000));
}

TEST(PutObject, MetadataThatIsNotAsciiIsAnsweredMailSafe) {
  S3Fixture s3;
  auto in = S3Fixture::put_request("photos", "cat", "meow");
  in.metadata.emplace().items = {{"ascii", "plain"}, {"utf8", "gr\xc3\xbc\xc3\x9f"}, {"latin1", "gr\xfc\xdf"}};
  ASSERT_TRUE(s3.put(in));
  const auto out = s3.call(&S3Service::get_object, S3Fixture::get_request("photos", "cat"));
  ASSERT_TRUE(out);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"ascii", "plain"}, {"utf8", "=?UTF-8?B?Z3LDvMOf?="}, {"latin1", "=?UTF-8?B?Z3LDvMOf?="}};
  EXPECT_EQ(out->metadata->items, expected);
}

TEST(PutObject, BodiesOfManyBlocksAreHashedAndKeptWhole) {
  S3Fixture s3;
  for (const std::size_t size : {65'536u, 65'537u, 1u << 20, (3u << 20) + 5u}) {
    auto in = S3Fixture::put_request("photos", "cat", numbered(size));
    in.content_md5 = to_base64(md5(numbered(size)));
    in.checksum_sha256 = to_base64(checksum_of(ChecksumAlgorithm::sha256, numbered(size)));
    EXPECT_EQ(*s3.put(in)->e_tag, "\"" + to_hex(md5(numbered(size))) + "\"");
    EXPECT_TRUE(s3.read("photos", "cat") == numbered(size)) << size;
  }
}

TEST(PutObject, WrongDigestsAreRefusedAndKeepNothing) {
  S3Fixture s3;
  for (const std::size_t size : {5u, 100'000u, (3u << 20) + 5u}) {
    auto in = S3Fixture::put_request("photos", "cat", numbered(size));
    in.content_md5 = to_base64(md5("other"));
    EXPECT_AWS_ERROR(s3.put(in), 400, "BadDigest");
    in = S3Fixture::put_request("photos", "cat", numbered(size));
    in.checksum_crc32 = to_base64(checksum_of(ChecksumAlgorithm::crc32, "other"));
    EXPECT_AWS_ERROR(s3.put(in), 400, "BadDigest");
    in = S3Fixture::put_request("photos", "cat", "");
    in.body = std::make_shared<SourceWithTrailer>(numbered(size), "x-amz-checksum-sha256",
                                                  to_base64(checksum_of(ChecksumAlgorithm::sha256, "other")));
    EXPECT_AWS_ERROR(s3.put(in), 400, "BadDigest");
  }
  EXPECT_EQ(s3.blob_count(), 0u);
  EXPECT_EQ(s3.read("photos", "cat"), "NoSuchKey");
  auto in = S3Fixture::put_request("photos", "cat", "meow");
  in.content_md5 = "not base64";
  EXPECT_AWS_ERROR(s3.put(in), 400, "InvalidDigest");
  in = S3Fixture::put_request("photos", "cat", "meow");
  in.checksum_sha1 = "c2hvcnQ=";
  EXPECT_AWS_ERROR(s3.put(in), 400, "InvalidRequest");
  in.checksum_sha1 = to_base64(checksum_of(ChecksumAlgorithm::sha1, "meow"));
  in.checksum_crc32 = to_base64(checksum_of(ChecksumAlgorithm::crc32, "meow"));
  EXPECT_AWS_ERROR(s3.put(in), 400, "InvalidRequest");
}

TEST(PutObject, EveryChecksumIsVerifiedKeptAndTold) {
  S3Fixture s3;
  const std::string body = numbered(200'000);
  for (const ChecksumAlgorithm algorithm : all_checksum_algorithms) {
    auto in = S3Fixture::put_request("photos", "cat", "");
    in.body =
        std::make_shared<SourceWithTrailer>(body, checksum_header(algorithm), to_base64(checksum_of(algorithm, body)));
    const auto out = s3.put(in);
    ASSERT_TRUE(out) << to_string(algorithm) << out.error().message();
    EXPECT_EQ(*out->checksum_type, "FULL_OBJECT");
    types::HeadObjectRequest head;
    head.bucket = "photos";
    head.key = "cat";
    EXPECT_FALSE(s3.call(&S3Service::head_object, head)->checksum_type) << "only when asked for";
    head.checksum_mode = "ENABLED";
    const auto told = s3.call(&S3Service::head_object, head);
    const bool is_told = told->checksum_crc32 || told->checksum_crc32_c || told->checksum_crc64_nvme ||
                         told->checksum_sha1 || told->checksum_sha256;
    EXPECT_TRUE(is_told) << to_string(algorithm);
  }
}

TEST(PutObject, RefusesWhatItDoesNotServe) {
  S3Fixture s3;
  const auto with = [](auto change) {
    auto in = S3Fixture::put_request("photos", "cat", "meow");
    change(in);
    return in;
  };
  EXPECT_AWS_ERROR(s3.put(with([](auto& in) { in.storage_class = "GLACIER"; })), 400, "InvalidStorageClass");
  EXPECT_AWS_ERROR(s3.put(with([](auto& in) { in.server_side_encryption = "AES256"; })), 501, "NotImplemented");
  EXPECT_AWS_ERROR(s3.put(with([](auto& in) { in.acl = "public-read"; })), 400, "AccessControlListNotSupported");
  EXPECT_AWS_ERROR(s3.put(with([](auto& in) { in.if_none_match = "\"abc\""; })), 501, "NotImplemented");
  EXPECT_AWS_ERROR(s3.put(with([](auto& in) { in.key = std::string(1025, 'k'); })), 400, "KeyTooLongError");
  EXPECT_AWS_ERROR(s3.put(with([](auto& in) { in.bucket = "nowhere"; })), 404, "NoSuchBucket");
  EXPECT_AWS_ERROR(s3.put(with([](auto& in) { in.metadata.emplace()["a"] = std::string(2048, 'v'); })), 400,
                   "MetadataTooLarge");
  EXPECT_AWS_ERROR(s3.put(with([](auto& in) { in.tagging = "a=1&a=2"; })), 400, "InvalidTag");
  EXPECT_AWS_ERROR(s3.put(with([](auto& in) { in.expected_bucket_owner = "999999999999"; })), 403, "AccessDenied");
  EXPECT_TRUE(s3.put(with([](auto& in) { in.key = std::string(1024, 'k'); })));
}

TEST(PutObject, OnlyTheFirstOfTwoThatMustNotReplaceSucceeds) {
  S3Fixture s3;
  auto in = S3Fixture::put_request("photos", "cat", "first");
  in.if_none_match = "*";
  ASSERT_TRUE(s3.put(in));
  EXPECT_AWS_ERROR(s3.put(in), 412, "PreconditionFailed");

  in = S3Fixture::put_request("photos", "cat", "second");
  in.if_match = "\"wrong\"";
  EXPECT_AWS_ERROR(s3.put(in), 412, "PreconditionFailed");
  in = S3Fixture::put_request("photos", "cat", "second");
  in.if_match = '"' + to_hex(md5("first")) + '"';
  EXPECT_TRUE(s3.put(in));
  in.key = "dog";
  EXPECT_AWS_ERROR(s3.put(in), 404, "NoSuchKey");
}

TEST(PutObject, ConcurrentWritersOfOneKeyLeaveOneWholeObject) {
  S3Fixture s3;
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&s3, w] {
      for (int i = 0; i < 50; ++i) {
        const RequestContext ctx = S3Fixture::context_of("111122223333");
        auto in = S3Fixture::put_request("photos", "cat", std::string(70'000, static_cast<char>('a' + w)));
        EXPECT_TRUE(s3.call_as(ctx, static_cast<S3Fixture::PutObject>(&S3Service::put_object), in));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::string body = s3.read("photos", "cat");
  EXPECT_EQ(body, std::string(70'000, body.front()));
  ASSERT_TRUE(s3.s3.sweep());
  EXPECT_EQ(s3.blob_count(), 1u);
}

TEST(GetObject, SaysWhatWasSaidAtThePut) {
  S3Fixture s3;
  auto in = S3Fixture::put_request("photos", "cat", "meow");
  in.content_type = "image/png";
  in.cache_control = "no-cache";
  in.content_encoding = "aws-chunked,gzip";
  in.metadata.emplace()["Mood"] = "sleepy";
  in.tagging = "colour=black%20and%20white&age=3";
  ASSERT_TRUE(s3.put(in));

  const auto out = s3.get("photos", "cat");
  ASSERT_TRUE(out);
  EXPECT_EQ(*out->content_type, "image/png");
  EXPECT_EQ(*out->cache_control, "no-cache");
  EXPECT_EQ(*out->content_encoding, "gzip");
  ASSERT_TRUE(out->metadata);
  EXPECT_EQ(*out->metadata->find("mood"), "sleepy");
  EXPECT_EQ(*out->tag_count, 2);
  EXPECT_EQ(s3.ctx.success_status, 0);

  types::GetObjectRequest get = S3Fixture::get_request("photos", "cat");
  get.response_content_type = "text/plain";
  EXPECT_EQ(*s3.get(get)->content_type, "text/plain");
}

TEST(GetObject, DeletedKeyLooksLikeOneThatNeverWas) {
  S3Fixture s3;
  ASSERT_TRUE(s3.put("photos", "cat", "meow"));
  ASSERT_TRUE(s3.remove("photos", "cat"));
  EXPECT_AWS_ERROR(s3.get("photos", "cat"), 404, "NoSuchKey");
  EXPECT_TRUE(s3.remove("photos", "cat")) << "deleting what is not there succeeds";
}

TEST(GetObject, RangesAreCutOutOfInlineAndBlobBodies) {
  S3Fixture s3;
  for (const std::size_t size : {10'000u, 100'000u}) {
    const std::string body = numbered(size);
    ASSERT_TRUE(s3.put("photos", "cat", body));
    const auto ranged = [&](const std::string& range) {
      auto in = S3Fixture::get_request("photos", "cat");
      in.range = range;
      return in;
    };
    EXPECT_EQ(s3.read(ranged("bytes=0-0")), body.substr(0, 1));
    EXPECT_EQ(s3.ctx.success_status, 206);
    EXPECT_EQ(s3.read(ranged("bytes=5000-")), body.substr(5000));
    EXPECT_EQ(s3.read(ranged("bytes=-7")), body.substr(size - 7));
    EXPECT_EQ(s3.read(ranged("bytes=-999999")), body);
    EXPECT_EQ(s3.read(ranged("bytes=9990-999999")), body.substr(9990));
    EXPECT_EQ(s3.read(ranged("lines=1-2")), body);
    EXPECT_EQ(s3.ctx.success_status, 0);
    EXPECT_AWS_ERROR(s3.get(ranged("bytes=" + std::to_string(size) + "-")), 416, "InvalidRange");
    EXPECT_EQ(*s3.get(ranged("bytes=1-3"))->content_range, "bytes 1-3/" + std::to_string(size));
  }
}

TEST(Range, TheTable) {
  struct Case {
    std::string header;
    std::uint64_t size;
    std::string expected;  // "first-last", "whole" or "416"
  };
  for (const Case& c : std::vector<Case>{{"bytes=0-9", 100, "0-9"},
                                         {"bytes=90-200", 100, "90-99"},
                                         {"bytes=99-", 100, "99-99"},
                                         {"bytes=100-", 100, "416"},
                                         {"bytes=-1", 100, "99-99"},
                                         {"bytes=-0", 100, "416"},
                                         {"bytes=-200", 100, "0-99"},
                                         {"bytes=5-2", 100, "whole"},
                                         {"bytes=0-1,3-4", 100, "whole"},
                                         {"bytes=a-b", 100, "whole"},
                                         {"bytes=-", 100, "whole"},
                                         {"", 100, "whole"},
                                         {"bytes=0-0", 0, "416"},
                                         {"bytes=-5", 0, "416"}}) {
    const auto range = resolve_range(c.header, c.size);
    std::string got = "416";
    if (range) got = *range ? std::to_string((*range)->first) + "-" + std::to_string((*range)->last) : "whole";
    EXPECT_EQ(got, c.expected) << c.header;
  }
}

TEST(Preconditions, TheTableOfRfc9110) {
  const std::int64_t modified_ms = 1'750'000'000'500;
  const auto at = [](std::int64_t seconds) { return TimePoint(std::chrono::seconds(seconds)); };
  const TimePoint before = at(1'749'999'999), same = at(1'750'000'000), after = at(1'750'000'001);
  const auto verdict = [&](ReadConditions c) { return check_read(c, "abc", modified_ms); };
  using enum ReadVerdict;
  EXPECT_EQ(verdict({}), proceed);
  EXPECT_EQ(verdict({.if_match = "\"abc\""}), proceed);
  EXPECT_EQ(verdict({.if_match = "abc"}), proceed);
  EXPECT_EQ(verdict({.if_match = "*"}), proceed);
  EXPECT_EQ(verdict({.if_match = "\"x\", \"abc\""}), proceed);
  EXPECT_EQ(verdict({.if_match = "\"x\""}), failed);
  EXPECT_EQ(verdict({.if_none_match = "\"abc\""}), not_modified);
  EXPECT_EQ(verdict({.if_none_match = "W/\"abc\""}), not_modified);
  EXPECT_EQ(verdict({.if_none_match = "\"x\""}), proceed);
  EXPECT_EQ(verdict({.if_modified_since = before}), proceed);
  EXPECT_EQ(verdict({.if_modified_since = same}), not_modified);
  EXPECT_EQ(verdict({.if_unmodified_since = before}), failed);
  EXPECT_EQ(verdict({.if_unmodified_since = same}), proceed);
  EXPECT_EQ(verdict({.if_match = "\"abc\"", .if_unmodified_since = before}), proceed) << "the ETag decides";
  EXPECT_EQ(verdict({.if_none_match = "\"x\"", .if_modified_since = after}), proceed) << "the ETag decides";
  EXPECT_EQ(verdict({.if_match = "\"x\"", .if_none_match = "\"abc\""}), failed);
}

TEST(CopyObject, TakesBytesHeadersAndTagsAlongUnlessTold) {
  S3Fixture s3;
  for (const std::size_t size : {0u, 100u, 100'000u}) {
    auto in = S3Fixture::put_request("photos", "a b/cat", numbered(size));
    in.content_type = "image/png";
    in.tagging = "k=v";
    ASSERT_TRUE(s3.put(in));
    types::CopyObjectRequest copy;
    copy.bucket = "photos";
    copy.key = "copy";
    copy.copy_source = "photos/a%20b/cat";
    const auto out = s3.call(&S3Service::copy_object, copy);
    ASSERT_TRUE(out) << out.error().message();
    EXPECT_EQ(*out->copy_object_result->e_tag, '"' + to_hex(md5(numbered(size))) + '"');
    EXPECT_EQ(s3.read("photos", "copy"), numbered(size));
    EXPECT_EQ(*s3.get("photos", "copy")->content_type, "image/png");
    EXPECT_EQ(*s3.get("photos", "copy")->tag_count, 1);

    copy.metadata_directive = "REPLACE";
    copy.tagging_directive = "REPLACE";
    copy.content_type = "text/plain";
    ASSERT_TRUE(s3.call(&S3Service::copy_object, copy));
    EXPECT_EQ(*s3.get("photos", "copy")->content_type, "text/plain");
    EXPECT_FALSE(s3.get("photos", "copy")->tag_count);
  }
}

TEST(CopyObject, RefusesItselfMissingSourcesAndFailedConditions) {
  S3Fixture s3;
  ASSERT_TRUE(s3.put("photos", "cat", "meow"));
  types::CopyObjectRequest copy;
  copy.bucket = "photos";
  copy.key = "cat";
  copy.copy_source = "/photos/cat";
  EXPECT_AWS_ERROR(s3.call(&S3Service::copy_object, copy), 400, "InvalidRequest");
  copy.key = "dog";
  copy.copy_source = "photos/bird";
  EXPECT_AWS_ERROR(s3.call(&S3Service::copy_object, copy), 404, "NoSuchKey");
  copy.copy_source = "nowhere/bird";
  EXPECT_AWS_ERROR(s3.call(&S3Service::copy_object, copy), 404, "NoSuchBucket");
  copy.copy_source = "photos";
  EXPECT_AWS_ERROR(s3.call(&S3Service::copy_object, copy), 400, "InvalidArgument");
  copy.copy_source = "photos/cat";
  copy.copy_source_if_none_match = '"' + to_hex(md5("meow")) + '"';
  EXPECT_AWS_ERROR(s3.call(&S3Service::copy_object, copy), 412, "PreconditionFailed");
}

TEST(ObjectTagging, IsReplacedReadAndTakenAway) {
  S3Fixture s3;
  ASSERT_TRUE(s3.put("photos", "cat", "meow"));
  types::PutObjectTaggingRequest put;
  put.bucket = "photos";
  put.key = "cat";
  put.tagging.tag_set = {{"colour", "black"}, {"age", "3"}};
  ASSERT_TRUE(s3.call(&S3Service::put_object_tagging, put));
  types::GetObjectTaggingRequest get;
  get.bucket = "photos";
  get.key = "cat";
  EXPECT_EQ(s3.call(&S3Service::get_object_tagging, get)->tag_set.size(), 2u);
  EXPECT_EQ(s3.read("photos", "cat"), "meow");
  types::DeleteObjectTaggingRequest remove;
  remove.bucket = "photos";
  remove.key = "cat";
  ASSERT_TRUE(s3.call(&S3Service::delete_object_tagging, remove));
  EXPECT_TRUE(s3.call(&S3Service::get_object_tagging, get)->tag_set.empty());
  put.tagging.tag_set.assign(11, {"k", "v"});
  EXPECT_AWS_ERROR(s3.call(&S3Service::put_object_tagging, put), 400, "BadRequest");
  put.tagging.tag_set = {{"aws:k", "v"}};
  EXPECT_AWS_ERROR(s3.call(&S3Service::put_object_tagging, put), 400, "InvalidTag");
}

TEST(GetObjectAttributes, TellsWhatWasAskedFor) {
  S3Fixture s3;
  ASSERT_TRUE(s3.put("photos", "cat", "meow"));
  types::GetObjectAttributesRequest in;
  in.bucket = "photos";
  in.key = "cat";
  in.object_attributes = {"ETag", "ObjectSize", "Checksum"};
  const auto out = s3.call(&S3Service::get_object_attributes, in);
  ASSERT_TRUE(out);
  EXPECT_EQ(*out->e_tag, to_hex(md5("meow")));
  EXPECT_EQ(*out->object_size, 4);
  EXPECT_TRUE(out->checksum->checksum_crc64_nvme);
  EXPECT_FALSE(out->storage_class);
}

TEST(DeleteObjects, ReportsEachKeyAndKeepsGoing) {
  S3Fixture s3;
  ASSERT_TRUE(s3.put("photos", "cat", "meow"));
  ASSERT_TRUE(s3.put("photos", "dog", "woof"));
  types::DeleteObjectsRequest in;
  in.bucket = "photos";
  in.delete_.objects.resize(3);
  in.delete_.objects[0].key = "cat";
  in.delete_.objects[1].key = "never there";
  in.delete_.objects[2].key = "dog";
  in.delete_.objects[2].version_id = "nonsense";
  const auto out = s3.call(&S3Service::delete_objects, in);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->deleted->size(), 2u);
  ASSERT_EQ(out->errors->size(), 1u);
  EXPECT_EQ(*out->errors->front().code, "InvalidArgument");
  EXPECT_EQ(s3.read("photos", "cat"), "NoSuchKey");
  EXPECT_EQ(s3.read("photos", "dog"), "woof");
  in.delete_.objects.resize(1001);
  EXPECT_AWS_ERROR(s3.call(&S3Service::delete_objects, in), 400, "MalformedXML");
}

TEST(DeleteObjects, RefusesTheKeysThatTheCallerMayNotDeleteAndDeletesTheOthers) {
  S3Fixture s3;
  ASSERT_TRUE(s3.put("photos", "cat", "meow"));
  ASSERT_TRUE(s3.put("photos", "dog", "woof"));
  s3.authorizer.denied_resources = {"arn:aws:s3:::photos/dog"};
  types::DeleteObjectsRequest in;
  in.bucket = "photos";
  in.delete_.objects.resize(2);
  in.delete_.objects[0].key = "dog";
  in.delete_.objects[1].key = "cat";
  const auto out = s3.call(&S3Service::delete_objects, in);
  ASSERT_TRUE(out);
  ASSERT_EQ(out->deleted->size(), 1u);
  EXPECT_EQ(*out->deleted->front().key, "cat");
  ASSERT_EQ(out->errors->size(), 1u);
  EXPECT_EQ(*out->errors->front().key, "dog");
  EXPECT_EQ(*out->errors->front().code, "AccessDenied");
  EXPECT_NE(out->errors->front().message->find("s3:DeleteObject on resource: arn:aws:s3:::photos/dog"),
            std::string::npos);
  EXPECT_EQ(s3.read("photos", "cat"), "NoSuchKey");
  EXPECT_EQ(s3.read("photos", "dog"), "woof");
}

TEST(ObjectWriter, WritesForTheOwnerOfTheBucketOnly) {
  S3Fixture s3;
  ObjectWriter& writer = s3.s3;
  ASSERT_TRUE(sync_wait(writer.put_object("111122223333", "photos", "log", "line\n", "text/plain")));
  EXPECT_EQ(s3.read("photos", "log"), "line\n");
  const auto other = sync_wait(writer.put_object("999999999999", "photos", "log", "x", "text/plain"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind(), ErrorKind::not_found);
}

}  // namespace
}  // namespace hearth::s3
