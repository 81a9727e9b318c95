#include "services/s3/access.h"
#include "services/s3/names.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::DeleteObject> {
  static Access of(const RequestContext&, const api::s3::DeleteObjectRequest& in) {
    return s3::version_access("s3:DeleteObject", "s3:DeleteObjectVersion", in.bucket, in.key, in.version_id);
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
Async<types::DeleteObjectOutput> S3Service::delete_object(const RequestContext&, const types::DeleteObjectRequest& in) {
  CO_TRY_DO(check_key(in.key));
  if (in.if_match_size || in.if_match_last_modified_time)
    co_return not_implemented("x-amz-if-match-size", "conditions of directory buckets");
  DeleteRequest request{.key = in.key, .if_match = in.if_match};
  if (in.version_id) {
    CO_TRY(request.version, parse_version_id(*in.version_id));
  }

  DeleteResult deleted;
  bool is_versioned = false;
  const std::uint64_t nonce = new_nonce();
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const BucketRow bucket, co_await find_bucket(tx, in.bucket, in.expected_bucket_owner));
    is_versioned = bucket.versioning != Versioning::never;
    CO_TRY(deleted, co_await delete_in(tx, bucket, request, nonce));
    co_return ok;
  };
  Result<void> committed = co_await transact(metadata_, body);
  if (!committed) co_return to_s3_error(std::move(committed).error());

  types::DeleteObjectOutput out;
  if (deleted.is_delete_marker) out.delete_marker = true;
  if (is_versioned && deleted.version_id) out.version_id = *deleted.version_id;
  co_return out;
}

template <>
void S3Service::offer<types::op::DeleteObject>(OperationTable& table) {
  table.serve<types::op::DeleteObject>(*this, &S3Service::delete_object);
}

}  // namespace s3
}  // namespace hearth
