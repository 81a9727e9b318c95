// What S3 keeps in the metadata store, and under which keys. docs/formats describes them for people.
//
//   s3.bucket  BUCKET                       BucketRow
//   s3.policy  BUCKET                       the bucket policy as it came
//   s3.owned   ACCOUNT BUCKET               empty: which buckets an account has
//   s3.object  BUCKET KEY sequence↓         ObjectRow: the versions of a key, newest first
//   s3.content BUCKET KEY sequence↓         a small body, or the PartContents of a multipart object
//   s3.null    BUCKET KEY                   sequence of the null version when it may not be the newest
//   s3.upload  BUCKET KEY UPLOAD            UploadRow; upload ids grow with time
//   s3.part    UPLOAD part↑                 PartRow
//   s3.blob    BLOB                         empty: a row above or below names this blob
//   s3.garbage due_ms↑ BLOB                 empty: a blob to remove
#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ports/blob_store.h"
#include "services/s3/checksum.h"
#include "services/s3/text.h"

namespace hearth::s3 {

// Stored: numbers stay what they are.
enum class Versioning : std::uint8_t { never = 0, enabled = 1, suspended = 2 };

struct BucketRow {
  std::string name;
  std::string account_id;
  std::string region;
  std::int64_t created_ms = 0;
  Versioning versioning = Versioning::never;
  std::map<std::string, std::string> tags;
};
BOOST_DESCRIBE_STRUCT(BucketRow, (), (name, account_id, region, created_ms, versioning, tags))

// What a client says about an object besides its bytes. Empty strings: not given.
struct ObjectHeaders {
  std::string content_type;
  std::string cache_control;
  std::string content_disposition;
  std::string content_encoding;
  std::string content_language;
  std::string expires;
  std::string website_redirect_location;
  std::vector<std::pair<std::string, std::string>> metadata;  // x-amz-meta-…, without the prefix
  Tags tags;
};

enum class ContentKind : std::uint8_t { empty = 0, inline_bytes = 1, blob = 2, parts = 3 };

// One version of an object, or a delete marker.
struct ObjectRow {
  bool is_null_version = false;
  bool is_delete_marker = false;
  std::uint64_t nonce = 0;  // second half of the version id
  std::int64_t last_modified_ms = 0;
  std::uint64_t size_bytes = 0;
  std::string etag;  // without quotes
  StoredChecksum checksum;
  ContentKind content = ContentKind::empty;
  std::uint32_t part_count = 0;  // of a multipart object
  BlobId blob;                   // ContentKind::blob only
  ObjectHeaders headers;
  std::string upload_id;  // of the multipart upload it was made by; empty: by none
};

// One part of a multipart object.
struct PartContent {
  std::uint32_t number = 0;
  std::uint64_t size_bytes = 0;
  BlobId blob;
  std::string checksum;  // base64
};

struct PartRow {
  std::string etag;
  std::uint64_t size_bytes = 0;
  std::int64_t last_modified_ms = 0;
  BlobId blob;  // empty for a part without bytes
  StoredChecksum checksum;
};

struct UploadRow {
  std::int64_t initiated_ms = 0;
  std::string initiator_id;
  std::string initiator_name;
  ChecksumAlgorithm checksum_algorithm = ChecksumAlgorithm::none;
  ChecksumType checksum_type = ChecksumType::full_object;
  bool client_chose_checksum = false;
  ObjectHeaders headers;
};

std::string encode(const ObjectRow& row);
std::string encode(const PartRow& row);
std::string encode(const UploadRow& row);
std::string encode(const std::vector<PartContent>& parts);
Result<ObjectRow> decode_object(std::string_view bytes);
Result<PartRow> decode_part(std::string_view bytes);
Result<UploadRow> decode_upload(std::string_view bytes);
Result<std::vector<PartContent>> decode_parts(std::string_view bytes);

namespace keys {

std::string bucket(std::string_view bucket);
std::string policy(std::string_view bucket);
std::string owned_bucket(std::string_view account_id, std::string_view bucket);
std::string owned_buckets(std::string_view account_id);  // prefix

std::string objects(std::string_view bucket);                         // prefix
std::string versions(std::string_view bucket, std::string_view key);  // prefix
std::string object(std::string_view bucket, std::string_view key, std::uint64_t sequence);
std::string content(std::string_view bucket, std::string_view key, std::uint64_t sequence);
std::string null_version(std::string_view bucket, std::string_view key);

std::string uploads(std::string_view bucket);                           // prefix
std::string uploads_of(std::string_view bucket, std::string_view key);  // prefix
std::string upload(std::string_view bucket, std::string_view key, std::string_view upload_id);
std::string parts(std::string_view upload_id);  // prefix
std::string part(std::string_view upload_id, std::uint32_t number);

std::string blob(const BlobId& id);
std::string garbage(std::int64_t due_ms, const BlobId& id);
std::string all_garbage();  // prefix

// The first key of the rows of `bucket` (as made by objects() or uploads()) whose object keys start with `text`, and
// where they end. Rows are in bytewise order of object keys.
std::string starting_with(std::string_view rows_of_bucket, std::string_view text);
// After every row of object key `key`.
std::string after_key(std::string_view rows_of_bucket, std::string_view key);
// The end of the rows whose object keys start with `text`; of all rows of the bucket if `text` is empty.
std::string end_of_prefix(std::string_view rows_of_bucket, std::string_view text);

// What is behind the prefix of an object() or upload() key.
struct ObjectKey {
  std::string key;
  std::uint64_t sequence = 0;
};
ObjectKey read_object(std::string_view row_key, std::size_t prefix_size);
struct UploadKey {
  std::string key;
  std::string upload_id;
};
UploadKey read_upload(std::string_view row_key, std::size_t prefix_size);
std::uint32_t read_part_number(std::string_view row_key, std::size_t prefix_size);
struct GarbageKey {
  std::int64_t due_ms = 0;
  BlobId blob;
};
GarbageKey read_garbage(std::string_view row_key);

}  // namespace keys

}  // namespace hearth::s3
