#include "services/s3/multipart.h"

#include "services/s3/s3_fixture.h"

namespace hearth::s3 {
namespace {

struct MultipartFixture : S3Fixture {
  std::string begin(const std::string& key, const std::string& algorithm = "", const std::string& type = "") {
    types::CreateMultipartUploadRequest in;
    in.bucket = "photos";
    in.key = key;
    if (!algorithm.empty()) in.checksum_algorithm = algorithm;
    if (!type.empty()) in.checksum_type = type;
    const auto out = call(&S3Service::create_multipart_upload, in);
    EXPECT_TRUE(out) << out.error().message();
    return out ? *out->upload_id : "";
  }
  static types::UploadPartRequest part_request(const std::string& key, const std::string& upload_id, int number,
                                               std::string body) {
    types::UploadPartRequest in;
    in.bucket = "photos";
    in.key = key;
    in.upload_id = upload_id;
    in.part_number = number;
    in.body = std::make_shared<StringSource>(std::move(body));
    return in;
  }
  Result<types::UploadPartOutput> upload(const types::UploadPartRequest& in) {
    return call(&S3Service::upload_part, in);
  }
  types::CompletedPart uploaded(const std::string& key, const std::string& upload_id, int number, std::string body) {
    const auto out = upload(part_request(key, upload_id, number, std::move(body)));
    EXPECT_TRUE(out) << out.error().message();
    types::CompletedPart part;
    part.part_number = number;
    if (!out) return part;
    part.e_tag = out->e_tag;
    part.checksum_crc32 = out->checksum_crc32;
    part.checksum_sha256 = out->checksum_sha256;
    return part;
  }
  static types::CompleteMultipartUploadRequest complete_request(const std::string& key, const std::string& upload_id,
                                                                std::vector<types::CompletedPart> parts) {
    types::CompleteMultipartUploadRequest in;
    in.bucket = "photos";
    in.key = key;
    in.upload_id = upload_id;
    in.multipart_upload.emplace().parts = std::move(parts);
    return in;
  }
  Result<types::CompleteMultipartUploadOutput> complete(const types::CompleteMultipartUploadRequest& in) {
    return call(&S3Service::complete_multipart_upload, in);
  }
  Result<types::AbortMultipartUploadOutput> abort(const std::string& key, const std::string& upload_id) {
    types::AbortMultipartUploadRequest in;
    in.bucket = "photos";
    in.key = key;
    in.upload_id = upload_id;
    return call(&S3Service::abort_multipart_upload, in);
  }
};

constexpr std::size_t mebibyte = 1 << 20;

TEST(Multipart, PartsBecomeOneObjectWithoutACopy) {
  MultipartFixture s3;
  const std::string upload_id = s3.begin("movie");
  const std::string first = numbered(5 * mebibyte, 1), second = numbered(5 * mebibyte, 2), third = numbered(100, 3);
  // In any order, and part 2 twice.
  const auto part3 = s3.uploaded("movie", upload_id, 30, third);
  const auto part1 = s3.uploaded("movie", upload_id, 1, first);
  s3.uploaded("movie", upload_id, 20, numbered(5 * mebibyte, 99));
  const auto part2 = s3.uploaded("movie", upload_id, 20, second);

  const auto out = s3.complete(MultipartFixture::complete_request("movie", upload_id, {part1, part2, part3}));
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(*out->e_tag, '"' + to_hex(md5(md5(first) + md5(second) + md5(third))) + "-3\"");
  const std::string whole = first + second + third;
  EXPECT_EQ(*out->checksum_crc64_nvme, to_base64(checksum_of(ChecksumAlgorithm::crc64nvme, whole)));
  EXPECT_EQ(s3.read("photos", "movie"), whole);
  ASSERT_TRUE(s3.s3.sweep());
  EXPECT_EQ(s3.blob_count(), 3u);

  auto in = S3Fixture::get_request("photos", "movie");
  in.range = "bytes=" + std::to_string(5 * mebibyte - 2) + "-" + std::to_string(10 * mebibyte + 1);
  EXPECT_EQ(s3.read(in), whole.substr(5 * mebibyte - 2, 5 * mebibyte + 4));
  in = S3Fixture::get_request("photos", "movie");
  in.part_number = 3;
  EXPECT_EQ(s3.read(in), third);
  EXPECT_EQ(*s3.get(in)->parts_count, 3);
  in.part_number = 4;
  EXPECT_AWS_ERROR(s3.get(in), 416, "InvalidPartNumber");

  ASSERT_TRUE(s3.remove("photos", "movie"));
  s3.clock.advance(part_garbage_delay + std::chrono::seconds(1));
  ASSERT_TRUE(s3.s3.sweep());
  EXPECT_EQ(s3.blob_count(), 0u);
}

TEST(Multipart, PartsThatWereNotNamedAreSwept) {
  MultipartFixture s3;
  const std::string upload_id = s3.begin("movie");
  const auto part = s3.uploaded("movie", upload_id, 2, "second");
  s3.uploaded("movie", upload_id, 1, "first");
  ASSERT_TRUE(s3.complete(MultipartFixture::complete_request("movie", upload_id, {part})));
  EXPECT_EQ(s3.read("photos", "movie"), "second");
  ASSERT_TRUE(s3.s3.sweep());
  EXPECT_EQ(s3.blob_count(), 1u);
  EXPECT_AWS_ERROR(s3.abort("movie", upload_id), 404, "NoSuchUpload");
}

TEST(Multipart, CompletingAgainAnswersTheSame) {
  MultipartFixture s3;
  const std::string upload_id = s3.begin("movie");
  const auto part = s3.uploaded("movie", upload_id, 1, "whole");
  const auto request = MultipartFixture::complete_request("movie", upload_id, {part});
  const auto first = s3.complete(request);
  ASSERT_TRUE(first);
  const auto again = s3.complete(request);  // the first answer was lost, say
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(*again->e_tag, *first->e_tag);

  auto other_parts = part;
  other_parts.e_tag = "\"00000000000000000000000000000000\"";
  EXPECT_AWS_ERROR(s3.complete(MultipartFixture::complete_request("movie", upload_id, {other_parts})), 404,
                   "NoSuchUpload");
  EXPECT_AWS_ERROR(s3.complete(MultipartFixture::complete_request("other", upload_id, {part})), 404, "NoSuchUpload");
  const std::string next_id = s3.begin("movie");
  const auto next_part = s3.uploaded("movie", next_id, 1, "next");
  ASSERT_TRUE(s3.complete(MultipartFixture::complete_request("movie", next_id, {next_part})));
  EXPECT_AWS_ERROR(s3.complete(request), 404, "NoSuchUpload");  // its object is no longer there
  EXPECT_EQ(s3.read("photos", "movie"), "next");
}

TEST(Multipart, WhatCompleteRefuses) {
  MultipartFixture s3;
  const std::string upload_id = s3.begin("movie");
  const auto small = s3.uploaded("movie", upload_id, 1, "small");
  const auto last = s3.uploaded("movie", upload_id, 2, "last");
  const auto request = [&](std::vector<types::CompletedPart> parts) {
    return MultipartFixture::complete_request("movie", upload_id, std::move(parts));
  };
  EXPECT_AWS_ERROR(s3.complete(request({small, last})), 400, "EntityTooSmall");
  EXPECT_AWS_ERROR(s3.complete(request({last, small})), 400, "InvalidPartOrder");
  EXPECT_AWS_ERROR(s3.complete(request({})), 400, "MalformedXML");
  auto wrong = last;
  wrong.e_tag = "\"0123\"";
  EXPECT_AWS_ERROR(s3.complete(request({wrong})), 400, "InvalidPart");
  wrong = last;
  wrong.part_number = 3;
  EXPECT_AWS_ERROR(s3.complete(request({wrong})), 400, "InvalidPart");
  auto in = request({last});
  in.mpu_object_size = 99;
  EXPECT_AWS_ERROR(s3.complete(in), 400, "InvalidRequest");
  in = request({last});
  in.checksum_crc64_nvme = to_base64(checksum_of(ChecksumAlgorithm::crc64nvme, "other"));
  EXPECT_AWS_ERROR(s3.complete(in), 400, "BadDigest");
  EXPECT_AWS_ERROR(s3.upload(MultipartFixture::part_request("movie", upload_id, 0, "x")), 400, "InvalidArgument");
  EXPECT_AWS_ERROR(s3.upload(MultipartFixture::part_request("movie", upload_id, 10'001, "x")), 400, "InvalidArgument");
  EXPECT_AWS_ERROR(s3.upload(MultipartFixture::part_request("movie", "none", 1, "x")), 404, "NoSuchUpload");
  in = request({last});
  in.if_none_match = "*";
  ASSERT_TRUE(s3.put("photos", "movie", "there already"));
  EXPECT_AWS_ERROR(s3.complete(in), 412, "PreconditionFailed");
  EXPECT_EQ(s3.read("photos", "movie"), "there already");
}

TEST(Multipart, CompositeAndFullObjectChecksums) {
  MultipartFixture s3;
  const std::string first = numbered(5 * mebibyte, 1), second = numbered(77, 2);
  for (const std::string type : {"COMPOSITE", "FULL_OBJECT"}) {
    const std::string upload_id = s3.begin("movie", "CRC32", type);
    const auto part1 = s3.uploaded("movie", upload_id, 1, first);
    const auto part2 = s3.uploaded("movie", upload_id, 2, second);
    EXPECT_TRUE(part1.checksum_crc32);
    const auto out = s3.complete(MultipartFixture::complete_request("movie", upload_id, {part1, part2}));
    ASSERT_TRUE(out) << out.error().message();
    const auto crc32 = [](std::string_view bytes) { return checksum_of(ChecksumAlgorithm::crc32, bytes); };
    EXPECT_EQ(*out->checksum_type, type);
    EXPECT_EQ(*out->checksum_crc32, type == "COMPOSITE" ? to_base64(crc32(crc32(first) + crc32(second))) + "-2"
                                                        : to_base64(crc32(first + second)));
  }
  const std::string upload_id = s3.begin("movie", "SHA256");
  auto part = s3.uploaded("movie", upload_id, 1, second);
  EXPECT_EQ(*part.checksum_sha256, to_base64(checksum_of(ChecksumAlgorithm::sha256, second)));
  part.checksum_sha256.reset();
  EXPECT_AWS_ERROR(s3.complete(MultipartFixture::complete_request("movie", upload_id, {part})), 400, "InvalidRequest");
  auto other = MultipartFixture::part_request("movie", upload_id, 2, "x");
  other.checksum_crc32 = to_base64(checksum_of(ChecksumAlgorithm::crc32, "x"));
  EXPECT_AWS_ERROR(s3.upload(other), 400, "InvalidRequest");
  types::CreateMultipartUploadRequest impossible;
  impossible.bucket = "photos";
  impossible.key = "movie";
  impossible.checksum_algorithm = "SHA1";
  impossible.checksum_type = "FULL_OBJECT";
  EXPECT_AWS_ERROR(s3.call(&S3Service::create_multipart_upload, impossible), 400, "InvalidRequest");
}

TEST(Multipart, PartsWithAnotherChecksumThanTheUploadsDefaultAreVerified) {
  MultipartFixture s3;
  const std::string upload_id = s3.begin("movie");
  auto in = MultipartFixture::part_request("movie", upload_id, 1, "body");
  in.checksum_crc32 = to_base64(checksum_of(ChecksumAlgorithm::crc32, "other"));
  EXPECT_AWS_ERROR(s3.upload(in), 400, "BadDigest");
  in = MultipartFixture::part_request("movie", upload_id, 1, "body");
  in.checksum_crc32 = to_base64(checksum_of(ChecksumAlgorithm::crc32, "body"));
  const auto part = s3.upload(in);
  ASSERT_TRUE(part);
  types::CompletedPart completed;
  completed.part_number = 1;
  completed.e_tag = part->e_tag;
  completed.checksum_crc32 = part->checksum_crc32;
  const auto out = s3.complete(MultipartFixture::complete_request("movie", upload_id, {completed}));
  ASSERT_TRUE(out);
  EXPECT_EQ(*out->checksum_crc64_nvme, to_base64(checksum_of(ChecksumAlgorithm::crc64nvme, "body")));
}

TEST(Multipart, ACopyOfAPartTakesARangeOfItsSource) {
  MultipartFixture s3;
  const std::string source = numbered(200'000);
  ASSERT_TRUE(s3.put("photos", "source", source));
  const std::string upload_id = s3.begin("movie");
  types::UploadPartCopyRequest in;
  in.bucket = "photos";
  in.key = "movie";
  in.upload_id = upload_id;
  in.part_number = 1;
  in.copy_source = "photos/source";
  in.copy_source_range = "bytes=100-150099";
  const auto copied = s3.call(&S3Service::upload_part_copy, in);
  ASSERT_TRUE(copied) << copied.error().message();
  types::CompletedPart part;
  part.part_number = 1;
  part.e_tag = copied->copy_part_result->e_tag;
  ASSERT_TRUE(s3.complete(MultipartFixture::complete_request("movie", upload_id, {part})));
  EXPECT_EQ(s3.read("photos", "movie"), source.substr(100, 150'000));

  in.upload_id = s3.begin("movie");
  for (const char* bad : {"bytes=0-200000", "bytes=5-", "bytes=-5", "0-5", "bytes=7-3"}) {
    in.copy_source_range = bad;
    EXPECT_AWS_ERROR(s3.call(&S3Service::upload_part_copy, in), 400, "InvalidArgument");
  }
}

TEST(Multipart, AbortTakesThePartsAway) {
  MultipartFixture s3;
  const std::size_t rows_before = s3.row_count();
  const std::string upload_id = s3.begin("movie");
  s3.uploaded("movie", upload_id, 1, "one");
  ASSERT_TRUE(s3.abort("movie", upload_id));
  EXPECT_AWS_ERROR(s3.abort("movie", upload_id), 404, "NoSuchUpload");
  ASSERT_TRUE(s3.s3.sweep());
  EXPECT_EQ(s3.blob_count(), 0u);
  EXPECT_EQ(s3.row_count(), rows_before);
}

TEST(Multipart, CompleteAndAbortAtTheSameTimeHaveOneWinner) {
  for (int round = 0; round < 30; ++round) {
    MultipartFixture s3;
    const std::string upload_id = s3.begin("movie");
    const auto part = s3.uploaded("movie", upload_id, 1, "body");
    const auto in = MultipartFixture::complete_request("movie", upload_id, {part});
    bool completed = false, aborted = false;
    const RequestContext ctx = S3Fixture::context_of("111122223333");
    std::thread completer([&] { completed = s3.call_as(ctx, &S3Service::complete_multipart_upload, in).has_value(); });
    std::thread aborter([&] {
      types::AbortMultipartUploadRequest abort;
      abort.bucket = "photos";
      abort.key = "movie";
      abort.upload_id = upload_id;
      aborted = s3.call_as(ctx, &S3Service::abort_multipart_upload, abort).has_value();
    });
    completer.join();
    aborter.join();
    EXPECT_NE(completed, aborted);
    ASSERT_TRUE(s3.s3.sweep());
    EXPECT_EQ(s3.read("photos", "movie"), completed ? "body" : "NoSuchKey");
    EXPECT_EQ(s3.blob_count(), completed ? 1u : 0u);
  }
}

TEST(ListParts, PagesInOrderOfNumber) {
  MultipartFixture s3;
  const std::string upload_id = s3.begin("movie");
  for (const int number : {300, 2, 10, 1}) s3.uploaded("movie", upload_id, number, "x");
  types::ListPartsRequest in;
  in.bucket = "photos";
  in.key = "movie";
  in.upload_id = upload_id;
  in.max_parts = 3;
  auto out = s3.call(&S3Service::list_parts, in);
  ASSERT_EQ(out->parts->size(), 3u);
  EXPECT_TRUE(*out->is_truncated);
  EXPECT_EQ(*out->next_part_number_marker, 10);
  in.part_number_marker = 10;
  out = s3.call(&S3Service::list_parts, in);
  ASSERT_EQ(out->parts->size(), 1u);
  EXPECT_EQ(*out->parts->front().part_number, 300);
}

TEST(ListMultipartUploads, IsByKeyThenByTheTimeTheyBegan) {
  MultipartFixture s3;
  std::vector<std::string> expected;
  expected.push_back(s3.begin("a"));
  s3.clock.advance(std::chrono::seconds(1));
  expected.push_back(s3.begin("a"));
  s3.begin("dir/x");
  expected.push_back(s3.begin("z"));
  types::ListMultipartUploadsRequest in;
  in.bucket = "photos";
  in.delimiter = "/";
  in.max_uploads = 1;
  std::vector<std::string> listed;
  std::size_t group_count = 0;
  for (int page = 0; page < 10; ++page) {
    const auto out = s3.call(&S3Service::list_multipart_uploads, in);
    ASSERT_TRUE(out);
    if (out->uploads)
      for (const auto& upload : *out->uploads) listed.push_back(*upload.upload_id);
    if (out->common_prefixes) group_count += out->common_prefixes->size();
    if (!*out->is_truncated) break;
    in.key_marker = *out->next_key_marker;
    in.upload_id_marker = out->next_upload_id_marker;
  }
  EXPECT_EQ(listed, expected);
  EXPECT_EQ(group_count, 1u);
}

}  // namespace
}  // namespace hearth::s3
