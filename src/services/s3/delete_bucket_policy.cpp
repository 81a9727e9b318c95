#include "services/s3/access.h"
#include "services/s3/names.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::DeleteBucketPolicy> {
  static Access of(const RequestContext&, const api::s3::DeleteBucketPolicyRequest& in) {
    return {.action = "s3:DeleteBucketPolicy", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketPolicy.html
Async<wire::Unit> S3Service::delete_bucket_policy(const RequestContext&, const types::DeleteBucketPolicyRequest& in) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const BucketRow bucket, co_await find_bucket(tx, in.bucket, in.expected_bucket_owner));
    tx.remove(keys::policy(in.bucket));
    co_return ok;
  };
  Result<void> removed = co_await transact(metadata_, body);
  if (!removed) co_return to_s3_error(std::move(removed).error());
  co_return wire::Unit();
}

template <>
void S3Service::offer<types::op::DeleteBucketPolicy>(OperationTable& table) {
  table.serve<types::op::DeleteBucketPolicy>(*this, &S3Service::delete_bucket_policy);
}

}  // namespace s3
}  // namespace hearth
