// What the operations of multipart uploads share.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
#pragma once

#include <cstdint>

#include "services/s3/incoming_body.h"
#include "services/s3/rows.h"

namespace hearth::s3 {

inline constexpr std::int32_t part_number_max = 10'000;
// Of every part but the last.
inline constexpr std::uint64_t part_bytes_min = 5 << 20;

// InvalidArgument unless 1 to 10 000.
Result<std::uint32_t> check_part_number(std::int32_t number);

// Fits a part's claims to its upload: what the client checks with, and what the object's checksum is made of.
// InvalidRequest when the upload was created for another algorithm.
Result<void> fit_claims(BodyClaims& claims, const UploadRow& upload, bool client_named_one);
// The checksum to keep with the part.
StoredChecksum part_checksum(const BodyClaims& claims, const UploadRow& upload, const IncomingBody& body);

}  // namespace hearth::s3
