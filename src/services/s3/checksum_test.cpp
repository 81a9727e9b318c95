#include "services/s3/checksum.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "services/s3/crc64nvme.h"

namespace hearth::s3 {
namespace {

std::string hex_of(ChecksumAlgorithm algorithm, std::string_view bytes) {
  return to_hex(checksum_of(algorithm, bytes));
}

std::string test_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

// The check values of the CRC catalogue (reveng), and FIPS 180's.
TEST(Checksum, KnownAnswers) {
  EXPECT_EQ(hex_of(ChecksumAlgorithm::crc32, "123456789"), "cbf43926");
  EXPECT_EQ(hex_of(ChecksumAlgorithm::crc32c, "123456789"), "e3069283");
  EXPECT_EQ(hex_of(ChecksumAlgorithm::crc64nvme, "123456789"), "ae8b14860a799888");
  EXPECT_EQ(hex_of(ChecksumAlgorithm::sha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex_of(ChecksumAlgorithm::sha256, "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Checksum, FoldingAgreesWithTheTableAtEveryLengthAndSplit) {
  const std::string bytes = test_bytes(1500);
  for (std::size_t size = 0; size <= bytes.size(); size += 7) {
    const std::span<const char> all(bytes.data(), size);
    const std::uint64_t expected = detail::crc64nvme_by_table(0, all);
    EXPECT_EQ(crc64nvme(0, all), expected) << size;
    const std::size_t split = size / 3;
    EXPECT_EQ(crc64nvme(crc64nvme(0, all.first(split)), all.subspan(split)), expected) << size;
  }
}

TEST(Checksum, PartsCombineToTheChecksumOfTheWhole) {
  const std::string whole = test_bytes(100'000);
  for (const auto algorithm : {ChecksumAlgorithm::crc32, ChecksumAlgorithm::crc32c, ChecksumAlgorithm::crc64nvme}) {
    std::vector<PartChecksum> parts;
    std::string_view rest = whole;
    for (const std::size_t size : {1u, 70'000u, 0u, 29'999u}) {
      parts.push_back({checksum_of(algorithm, rest.substr(0, size)), size});
      rest.remove_prefix(size);
    }
    EXPECT_EQ(combine_full_object(algorithm, parts), checksum_of(algorithm, whole)) << to_string(algorithm);
  }
}

TEST(Checksum, NamesAreReadInAnyCase) {
  EXPECT_EQ(parse_checksum_algorithm("crc64nvme"), ChecksumAlgorithm::crc64nvme);
  EXPECT_EQ(parse_checksum_algorithm("SHA256"), ChecksumAlgorithm::sha256);
  EXPECT_EQ(parse_checksum_algorithm("XXHASH64"), std::nullopt);
}

}  // namespace
}  // namespace hearth::s3
