// The checksum members that requests and answers share by name. Templates: the generated structures share nothing else.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "api/s3/errors.h"
#include "base/bytes.h"
#include "services/s3/checksum.h"
#include "services/s3/incoming_body.h"
#include "services/s3/names.h"
#include "wire/values.h"

namespace hearth::s3 {

struct ClaimedChecksum {
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::none;
  std::string value;  // base64
};

// The x-amz-checksum-… header or element of a request. InvalidRequest when there are several, NotImplemented for an
// algorithm we do not compute.
template <class In>
Result<std::optional<ClaimedChecksum>> claimed_checksum(const In& in) {
  const std::pair<ChecksumAlgorithm, const wire::Opt<std::string>*> members[] = {
      {ChecksumAlgorithm::crc32, &in.checksum_crc32},          {ChecksumAlgorithm::crc32c, &in.checksum_crc32_c},
      {ChecksumAlgorithm::crc64nvme, &in.checksum_crc64_nvme}, {ChecksumAlgorithm::sha1, &in.checksum_sha1},
      {ChecksumAlgorithm::sha256, &in.checksum_sha256},
  };
  std::optional<ClaimedChecksum> claimed;
  for (const auto& [algorithm, value] : members) {
    if (!*value) continue;
    if (claimed)
      return api::s3::errors::invalid_request(
          "Expecting a single x-amz-checksum- header. Multiple checksum Types are "
          "not allowed.");
    claimed = ClaimedChecksum{algorithm, **value};
  }
  if (in.checksum_sha512 || in.checksum_md5 || in.checksum_xxhash64 || in.checksum_xxhash3 || in.checksum_xxhash128)
    return not_implemented("x-amz-checksum", "checksums other than CRC32, CRC32C, CRC64NVME, SHA1 and SHA256");
  return claimed;
}

// The value alone, or nothing.
template <class Out>
void write_checksum(Out& out, ChecksumAlgorithm algorithm, const std::string& value) {
  if (value.empty()) return;
  switch (algorithm) {
    case ChecksumAlgorithm::none:
      return;
    case ChecksumAlgorithm::crc32:
      out.checksum_crc32 = value;
      return;
    case ChecksumAlgorithm::crc32c:
      out.checksum_crc32_c = value;
      return;
    case ChecksumAlgorithm::crc64nvme:
      out.checksum_crc64_nvme = value;
      return;
    case ChecksumAlgorithm::sha1:
      out.checksum_sha1 = value;
      return;
    case ChecksumAlgorithm::sha256:
      out.checksum_sha256 = value;
      return;
  }
}

// Value and type.
template <class Out>
void write_checksum(Out& out, const StoredChecksum& checksum) {
  if (checksum.algorithm == ChecksumAlgorithm::none) return;
  write_checksum(out, checksum.algorithm, checksum.value);
  out.checksum_type = std::string(to_string(checksum.type));
}

// x-amz-checksum-algorithm or x-amz-sdk-checksum-algorithm. InvalidRequest for a name AWS does not know.
inline Result<ChecksumAlgorithm> named_algorithm(const wire::Opt<std::string>& name) {
  if (!name) return ChecksumAlgorithm::none;
  const std::optional<ChecksumAlgorithm> algorithm = parse_checksum_algorithm(*name);
  if (!algorithm)
    return api::s3::errors::invalid_request(
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, "
        "CRC64NVME, SHA1, SHA256]");
  return *algorithm;
}

// What a PutObject or UploadPart request claims of its body, in headers or by announcing a trailer. `otherwise` is
// computed when it names no algorithm.
template <class In>
Result<BodyClaims> claims_of(const In& in, ChecksumAlgorithm otherwise) {
  BodyClaims claims;
  if (in.content_md5) {
    claims.md5 = from_base64(*in.content_md5);
    if (!claims.md5 || claims.md5->size() != 16)
      return api::s3::errors::invalid_digest("The Content-MD5 you specified was invalid.")
          .with_field("Content-MD5", *in.content_md5);
  }
  TRY(const std::optional<ClaimedChecksum> claimed, claimed_checksum(in));
  TRY(const ChecksumAlgorithm named, named_algorithm(in.checksum_algorithm));
  if (claimed) {
    if (named != ChecksumAlgorithm::none && named != claimed->algorithm)
      return api::s3::errors::invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid.");
    claims.algorithm = claimed->algorithm;
    claims.checksum = claimed->value;
    return claims;
  }
  claims.algorithm = named != ChecksumAlgorithm::none ? named : otherwise;
  if (in.body) {
    for (const ChecksumAlgorithm algorithm : all_checksum_algorithms)
      for (const std::string& trailer : in.body->trailer_names())
        if (trailer == checksum_header(algorithm)) claims.algorithm = algorithm;
  }
  return claims;
}

}  // namespace hearth::s3
