#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketVersioning> {
  static Access of(const RequestContext&, const api::s3::GetBucketVersioningRequest& in) {
    return {.action = "s3:GetBucketVersioning", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html
Async<types::GetBucketVersioningOutput> S3Service::get_bucket_versioning(const RequestContext&,
                                                                         const types::GetBucketVersioningRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  types::GetBucketVersioningOutput out;
  // AWS: a bucket that never had versioning answers no status at all.
  if (bucket.versioning == Versioning::enabled) out.status = std::string(types::BucketVersioningStatus::Enabled);
  if (bucket.versioning == Versioning::suspended) out.status = std::string(types::BucketVersioningStatus::Suspended);
  co_return out;
}

template <>
void S3Service::offer<types::op::GetBucketVersioning>(OperationTable& table) {
  table.serve<types::op::GetBucketVersioning>(*this, &S3Service::get_bucket_versioning);
}

}  // namespace s3
}  // namespace hearth
