#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::DeleteBucketTagging> {
  static Access of(const RequestContext&, const api::s3::DeleteBucketTaggingRequest& in) {
    // AWS: taking tags away is s3:PutBucketTagging too.
    return {.action = "s3:PutBucketTagging", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketTagging.html
Async<wire::Unit> S3Service::delete_bucket_tagging(const RequestContext&, const types::DeleteBucketTaggingRequest& in) {
  const auto change = [](BucketRow& bucket) { bucket.tags.clear(); };
  CO_TRY_DO(co_await change_bucket(in.bucket, in.expected_bucket_owner, change));
  co_return wire::Unit();
}

template <>
void S3Service::offer<types::op::DeleteBucketTagging>(OperationTable& table) {
  table.serve<types::op::DeleteBucketTagging>(*this, &S3Service::delete_bucket_tagging);
}

}  // namespace s3
}  // namespace hearth
