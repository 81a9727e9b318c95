// The checksums S3 knows: running over a stream, and put together from those of an object's parts.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::s3 {

// Stored in rows: numbers stay what they are.
enum class ChecksumAlgorithm : std::uint8_t { none = 0, crc32 = 1, crc32c = 2, crc64nvme = 3, sha1 = 4, sha256 = 5 };
enum class ChecksumType : std::uint8_t { full_object = 0, composite = 1 };

inline constexpr ChecksumAlgorithm all_checksum_algorithms[] = {ChecksumAlgorithm::crc32, ChecksumAlgorithm::crc32c,
                                                                ChecksumAlgorithm::crc64nvme, ChecksumAlgorithm::sha1,
                                                                ChecksumAlgorithm::sha256};

std::string_view to_string(ChecksumAlgorithm algorithm);  // "CRC32C"
std::string_view to_string(ChecksumType type);            // "FULL_OBJECT"
// The name in any case; null for one we do not compute.
std::optional<ChecksumAlgorithm> parse_checksum_algorithm(std::string_view name);
// "x-amz-checksum-crc32c"
std::string checksum_header(ChecksumAlgorithm algorithm);
std::size_t digest_size(ChecksumAlgorithm algorithm);
bool is_crc(ChecksumAlgorithm algorithm);

// What is kept of an object's or part's checksum. `value` as on the wire: base64, with "-N" after a composite one.
struct StoredChecksum {
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::none;
  ChecksumType type = ChecksumType::full_object;
  std::string value;
};

// A digest over bytes as they come. Not thread-safe.
class RunningDigest {
 public:
  virtual ~RunningDigest() = default;
  virtual void update(std::span<const char> bytes) = 0;
  virtual std::string finish() = 0;  // raw bytes, most significant first; once
};
std::unique_ptr<RunningDigest> start_checksum(ChecksumAlgorithm algorithm);  // not for `none`
std::unique_ptr<RunningDigest> start_md5();

std::string checksum_of(ChecksumAlgorithm algorithm, std::string_view bytes);  // raw

struct PartChecksum {
  std::string digest;  // raw
  std::uint64_t size_bytes = 0;
};
// Of the whole object, from its parts' full checksums. CRCs only.
std::string combine_full_object(ChecksumAlgorithm algorithm, std::span<const PartChecksum> parts);
// The checksum of the parts' checksums, raw.
std::string combine_composite(ChecksumAlgorithm algorithm, std::span<const PartChecksum> parts);

}  // namespace hearth::s3
