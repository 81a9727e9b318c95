// Takes a request body in: checks it against everything its sender claimed, in constant memory, and stores it.
#pragma once

#include <optional>
#include <string>

#include "base/executor.h"
#include "ports/blob_store.h"
#include "services/s3/checksum.h"

namespace hearth::s3 {

// Bodies up to this size live in the metadata store.
inline constexpr std::size_t inline_bytes_max = 64 << 10;
// Of one PutObject or UploadPart.
inline constexpr std::uint64_t put_bytes_max = std::uint64_t{5} << 30;

// What a client says of its body before sending it.
struct BodyClaims {
  std::optional<std::string> md5;  // raw, from Content-MD5
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::crc64nvme;
  std::optional<std::string> checksum;  // base64; from a header. A trailer of that algorithm is looked at by itself.
  ChecksumAlgorithm also = ChecksumAlgorithm::none;  // one more to compute, unclaimed
};

struct IncomingBody {
  std::uint64_t size_bytes = 0;
  std::string md5;       // raw
  std::string checksum;  // raw, of claims.algorithm
  std::string also;      // raw, of claims.also
  // One of them holds the bytes: `blob` if it is set.
  std::string bytes;
  std::optional<BlobId> blob;
};

// Reads `body` to its end. BadDigest, InvalidRequest (a checksum that is none), EntityTooLarge; then nothing is kept.
// With `inline_limit` 0 every body that has bytes becomes a blob. The blob is durable but nobody's yet.
Async<IncomingBody> take_in(BlobStore& blobs, Executor& pool, ByteSource& body, BodyClaims claims,
                            std::size_t inline_limit = inline_bytes_max);

}  // namespace hearth::s3
