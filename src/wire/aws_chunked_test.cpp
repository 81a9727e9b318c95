#include "wire/aws_chunked.h"

#include <gtest/gtest.h>

#include "wire/sigv4.h"

namespace hearth::wire {
namespace {

constexpr std::size_t limit = 1 << 20;

std::string outcome(ByteSource& source) {
  const Result<std::string> bytes = sync_wait(read_all(source, limit));
  return bytes ? *bytes : bytes.error().code();
}
std::string decode(std::string body, std::uint64_t length, ChunkSigning signing = {}, std::string trailers = {}) {
  const auto source = decode_aws_chunked(std::make_unique<StringSource>(std::move(body)), length, std::move(signing),
                                         std::move(trailers));
  return outcome(*source);
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html, "Example: PUT Object"
const ChunkSigning manual_signing{
    .key = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3"),
    .seed_signature = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    .amz_date = "20130524T000000Z",
    .scope = "20130524/us-east-1/s3/aws4_request"};
constexpr std::uint64_t manual_length = 66560;

std::string manual_body() {
  return "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
         std::string(65536, 'a') +
         "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
         std::string(1024, 'a') +
         "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
}

TEST(AwsChunked, DecodesTheExampleOfTheManual) {
  EXPECT_EQ(decode(manual_body(), manual_length, manual_signing), std::string(manual_length, 'a'));
}

TEST(AwsChunked, NoticesEveryFlippedBit) {
  const std::string good = manual_body(), plain(manual_length, 'a');
  for (std::size_t at = 0; at < good.size() - 4; at += at < 100 || at > 65600 ? 37 : 8191) {
    std::string damaged = good;
    damaged[at] ^= 1;
    EXPECT_NE(decode(damaged, manual_length, manual_signing), plain) << "byte " << at;
  }
}

TEST(AwsChunked, RefusesChunksOfAnotherKeyOrOrder) {
  ChunkSigning other = manual_signing;
  other.seed_signature[0] ^= 1;
  EXPECT_EQ(decode(manual_body(), manual_length, other), "SignatureDoesNotMatch");
  other = manual_signing;
  other.key[0] ^= 1;
  EXPECT_EQ(decode(manual_body(), manual_length, other), "SignatureDoesNotMatch");
}

TEST(AwsChunked, RefusesChunksWithoutSignature) {
  EXPECT_EQ(decode("3\r\nabc\r\n0\r\n\r\n", 3, manual_signing), "InvalidRequest");
}

TEST(AwsChunked, HandsOutUnsignedTrailers) {
  const auto source = decode_aws_chunked(
      std::make_unique<StringSource>("3\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32: hYfYZQ==\r\n\r\n"), 5, {},
      "X-Amz-Checksum-Crc32");
  EXPECT_EQ(source->trailer_names(), std::vector<std::string>{"x-amz-checksum-crc32"});
  EXPECT_EQ(outcome(*source), "abcde");
  EXPECT_EQ(source->trailer("x-amz-checksum-crc32"), "hYfYZQ==");
}

TEST(AwsChunked, InsistsOnAnnouncedTrailers) {
  EXPECT_EQ(decode("1\r\na\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n", 1, {}, ""), "MalformedTrailerError");
  EXPECT_EQ(decode("1\r\na\r\n0\r\n\r\n", 1, {}, "x-amz-checksum-crc32"), "MalformedTrailerError");
}

TEST(AwsChunked, InsistsOnThePromisedLength) {
  const std::string body = "3\r\nabc\r\n0\r\n\r\n";
  EXPECT_EQ(decode(body, 3), "abc");
  EXPECT_EQ(decode(body, 2), "IncompleteBody");
  EXPECT_EQ(decode(body, 4), "IncompleteBody");
  EXPECT_EQ(decode("0\r\n\r\n", 0), "");
}

TEST(AwsChunked, RefusesBodiesThatEndEarly) {
  const std::string body = "3\r\nabc\r\n0\r\n";
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_EQ(decode(body.substr(0, size), 3), "IncompleteBody") << size;
}

TEST(AwsChunked, RefusesWhatIsNotAChunk) {
  for (const std::string body : {"x\r\n", "-1\r\na\r\n", "\r\n", "1\r\nab\r\n0\r\n\r\n", "10000000000000000\r\n"})
    EXPECT_EQ(decode(body, 1), "InvalidRequest") << body;
  EXPECT_EQ(decode(std::string(20'000, '1'), 1), "InvalidRequest");
}

TEST(Sha256Check, FailsAtTheEndWhenTheBytesAreOthers) {
  const auto good = check_sha256(std::make_unique<StringSource>("meow"), to_hex(sha256("meow")));
  EXPECT_EQ(outcome(*good), "meow");
  const auto bad = check_sha256(std::make_unique<StringSource>("woof"), to_hex(sha256("meow")));
  EXPECT_EQ(outcome(*bad), "XAmzContentSHA256Mismatch");
}

TEST(Gunzip, RefusesDamagedAndOverlongBodies) {
  const std::string meow = *from_hex("1f8b0800000000000203cb4dcd2f0700fe6a108a04000000");
  EXPECT_EQ(gunzip(meow, 4).value(), "meow");
  EXPECT_FALSE(gunzip(meow.substr(0, 12), 100).has_value());
  EXPECT_FALSE(gunzip("", 100).has_value());
  EXPECT_FALSE(gunzip(meow, 3).has_value());
}

}  // namespace
}  // namespace hearth::wire
