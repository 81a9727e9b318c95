#include "services/s3/versions.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "services/s3/names.h"

namespace hearth::s3 {
namespace {

std::optional<std::uint64_t> parse_hex(std::string_view digits) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return n;
}

Async<std::optional<StoredVersion>> find_at(Transaction& tx, std::string_view bucket, std::string_view key,
                                            std::uint64_t sequence) {
  const std::string row_key = keys::object(bucket, key, sequence);
  CO_TRY(const std::optional<std::string> bytes, co_await tx.get(row_key));
  if (!bytes) co_return std::optional<StoredVersion>();
  CO_TRY(ObjectRow row, decode_object(*bytes));
  co_return std::optional(StoredVersion{sequence, std::move(row)});
}

// Null versions lie where they were put. When newer versions came on top of one, a row of its own says where it is.
Async<std::optional<StoredVersion>> find_null_version(Transaction& tx, std::string_view bucket, std::string_view key) {
  CO_TRY(std::optional<StoredVersion> newest, co_await find_newest(tx, bucket, key));
  if (!newest || newest->row.is_null_version) co_return newest;
  const std::string pointer_key = keys::null_version(bucket, key);
  CO_TRY(const std::optional<std::string> pointer, co_await tx.get(pointer_key));
  const std::optional<std::uint64_t> sequence = pointer ? parse_hex(*pointer) : std::nullopt;
  if (!sequence) co_return std::optional<StoredVersion>();
  co_return co_await find_at(tx, bucket, key, *sequence);
}

Async<void> release_content(Transaction& tx, std::string_view bucket, std::string_view key,
                            const StoredVersion& version, TimePoint now) {
  const ObjectRow& row = version.row;
  if (row.content == ContentKind::blob) release_blob(tx, row.blob, now);
  if (row.content != ContentKind::inline_bytes && row.content != ContentKind::parts) co_return ok;

  const std::string content_key = keys::content(bucket, key, version.sequence);
  if (row.content == ContentKind::parts) {
    CO_TRY(const std::optional<std::string> bytes, co_await tx.get(content_key));
    CO_TRY(const std::vector<PartContent> parts, decode_parts(bytes.value_or("")));
    for (const PartContent& part : parts)
      if (!part.blob.value.empty()) release_blob(tx, part.blob, now + part_garbage_delay);
  }
  tx.remove(content_key);
  co_return ok;
}

}  // namespace

std::string StoredVersion::version_id() const {
  return row.is_null_version ? "null" : fmt::format("{:016x}{:016x}", sequence, row.nonce);
}

Result<VersionId> parse_version_id(std::string_view text) {
  if (text == "null") return VersionId{.is_null = true};
  const std::optional<std::uint64_t> sequence = parse_hex(text.substr(0, 16));
  const std::optional<std::uint64_t> nonce = text.size() == 32 ? parse_hex(text.substr(16)) : std::nullopt;
  if (!sequence || !nonce) return invalid_argument("Invalid version id specified", "versionId", text);
  return VersionId{.sequence = *sequence, .nonce = *nonce};
}

Async<std::optional<StoredVersion>> find_newest(Transaction& tx, std::string_view bucket, std::string_view key) {
  const std::string prefix = keys::versions(bucket, key);
  CO_TRY(const std::vector<KeyValue> rows, co_await tx.scan(KeyRange::prefix(prefix), 1));
  if (rows.empty()) co_return std::optional<StoredVersion>();
  CO_TRY(ObjectRow row, decode_object(rows.front().value));
  const std::uint64_t sequence = ~KeyReader(std::string_view(rows.front().key).substr(prefix.size())).take_number();
  co_return std::optional(StoredVersion{sequence, std::move(row)});
}

Async<std::optional<StoredVersion>> find_version(Transaction& tx, std::string_view bucket, std::string_view key,
                                                 const VersionId& id) {
  if (id.is_null) co_return co_await find_null_version(tx, bucket, key);
  CO_TRY(std::optional<StoredVersion> found, co_await find_at(tx, bucket, key, id.sequence));
  if (found && (found->row.is_null_version || found->row.nonce != id.nonce)) found.reset();
  co_return found;
}

Async<StoredVersion> place_version(Transaction& tx, const BucketRow& bucket, std::string_view key, NewVersion version,
                                   TimePoint now, std::uint64_t nonce) {
  CO_TRY(const std::optional<StoredVersion> newest, co_await find_newest(tx, bucket.name, key));
  const auto now_us =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count());

  StoredVersion placed{.sequence = newest ? std::max(now_us, newest->sequence + 1) : now_us,
                       .row = std::move(version.row)};
  placed.row.nonce = nonce;
  placed.row.is_null_version = bucket.versioning != Versioning::enabled;

  const std::string pointer_key = keys::null_version(bucket.name, key);
  if (!placed.row.is_null_version) {
    if (newest && newest->row.is_null_version) tx.put(pointer_key, fmt::format("{:x}", newest->sequence));
  } else if (newest && newest->row.is_null_version) {
    // It keeps the place, so that overwriting a key again and again leaves no row behind.
    placed.sequence = newest->sequence;
    CO_TRY_DO(co_await release_content(tx, bucket.name, key, *newest, now));
  } else if (newest) {
    CO_TRY(const std::optional<StoredVersion> old, co_await find_null_version(tx, bucket.name, key));
    if (old) CO_TRY_DO(co_await erase_version(tx, bucket.name, key, *old, now));
  }

  const std::string row_key = keys::object(bucket.name, key, placed.sequence);
  tx.put(row_key, encode(placed.row));
  if (placed.row.content == ContentKind::inline_bytes || placed.row.content == ContentKind::parts)
    tx.put(keys::content(bucket.name, key, placed.sequence), std::move(version.content));
  co_return placed;
}

Async<void> erase_version(Transaction& tx, std::string_view bucket, std::string_view key, const StoredVersion& version,
                          TimePoint now) {
  CO_TRY_DO(co_await release_content(tx, bucket, key, version, now));
  tx.remove(keys::object(bucket, key, version.sequence));
  if (version.row.is_null_version) {
    // There is a pointer only if something newer came; looking saves a row from being written for nothing.
    const std::string pointer_key = keys::null_version(bucket, key);
    CO_TRY(const std::optional<std::string> pointer, co_await tx.get(pointer_key));
    if (pointer) tx.remove(pointer_key);
  }
  co_return ok;
}

void claim_blob(Transaction& tx, const BlobId& id) {
  tx.put(keys::blob(id), "");
}

void release_blob(Transaction& tx, const BlobId& id, TimePoint due) {
  tx.put(keys::garbage(to_ms(due), id), "");
}

}  // namespace hearth::s3
