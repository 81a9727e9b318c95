// The versions of a key: finding them, putting one in its place, taking one away. Everything happens in the caller's
// transaction, which must be run again on conflict; two writers of one key meet in the rows of that key only.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "ports/metadata_store.h"
#include "services/s3/rows.h"

namespace hearth::s3 {

struct StoredVersion {
  std::uint64_t sequence = 0;  // newer is greater, within one key
  ObjectRow row;
  std::string version_id() const;  // "null" or 32 hex digits
};

// As it came in a request.
struct VersionId {
  bool is_null = false;
  std::uint64_t sequence = 0;
  std::uint64_t nonce = 0;
};
Result<VersionId> parse_version_id(std::string_view text);  // InvalidArgument

Async<std::optional<StoredVersion>> find_newest(Transaction& tx, std::string_view bucket, std::string_view key);
Async<std::optional<StoredVersion>> find_version(Transaction& tx, std::string_view bucket, std::string_view key,
                                                 const VersionId& id);

struct NewVersion {
  ObjectRow row;        // is_null_version and nonce are set when it is placed
  std::string content;  // for ContentKind::inline_bytes and parts
};
// Makes it the newest version. What it replaces, in a bucket without versioning or with suspended versioning, goes.
// Its blobs must have been claimed.
Async<StoredVersion> place_version(Transaction& tx, const BucketRow& bucket, std::string_view key, NewVersion version,
                                   TimePoint now, std::uint64_t nonce);
// Takes one version away, with its content.
Async<void> erase_version(Transaction& tx, std::string_view bucket, std::string_view key, const StoredVersion& version,
                          TimePoint now);

// From now on a row names this blob, and the sweep knows it.
void claim_blob(Transaction& tx, const BlobId& id);
// No row names it any more: the sweep removes it when it is due.
void release_blob(Transaction& tx, const BlobId& id, TimePoint due);

// Readers of a multipart object open its parts as they reach them, so the parts of a replaced object stay a while.
inline constexpr std::chrono::hours part_garbage_delay{1};

}  // namespace hearth::s3
