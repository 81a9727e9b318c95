// Deleting one key or one version inside a transaction: what DeleteObject and DeleteObjects share.
#include "services/s3/service.h"

namespace hearth::s3 {

Async<S3Service::DeleteResult> S3Service::delete_in(Transaction& tx, const BucketRow& bucket,
                                                    const DeleteRequest& request, std::uint64_t nonce) {
  const TimePoint now = clock_.now();
  DeleteResult result;

  if (request.version) {
    CO_TRY(const std::optional<StoredVersion> version,
           co_await find_version(tx, bucket.name, request.key, *request.version));
    // AWS: deleting a version that is not there succeeds.
    if (!version) co_return result;
    CO_TRY_DO(require_deletable(request, version));
    CO_TRY_DO(co_await erase_version(tx, bucket.name, request.key, *version, now));
    result.is_delete_marker = version->row.is_delete_marker;
    result.version_id = version->version_id();
    co_return result;
  }

  CO_TRY(const std::optional<StoredVersion> newest, co_await find_newest(tx, bucket.name, request.key));
  CO_TRY_DO(require_deletable(request, newest));
  if (bucket.versioning == Versioning::never) {
    if (newest) CO_TRY_DO(co_await erase_version(tx, bucket.name, request.key, *newest, now));
    co_return result;
  }
  // AWS: a bucket with versioning gets a delete marker, also for a key that never was.
  NewVersion marker;
  marker.row.is_delete_marker = true;
  marker.row.last_modified_ms = to_ms(now);
  CO_TRY(const StoredVersion placed, co_await place_version(tx, bucket, request.key, std::move(marker), now, nonce));
  result.is_delete_marker = true;
  result.version_id = placed.version_id();
  co_return result;
}

Result<void> S3Service::require_deletable(const DeleteRequest& request, const std::optional<StoredVersion>& current) {
  if (!request.if_match) return ok;
  std::optional<std::string> etag;
  if (current && !current->row.is_delete_marker) etag = current->row.etag;
  return require_writable({.if_match = *request.if_match}, request.key, etag);
}

}  // namespace hearth::s3
