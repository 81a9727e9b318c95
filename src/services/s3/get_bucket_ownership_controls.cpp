#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketOwnershipControls> {
  static Access of(const RequestContext&, const api::s3::GetBucketOwnershipControlsRequest& in) {
    return {.action = "s3:GetBucketOwnershipControls", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketOwnershipControls.html
// AWS: what every new bucket has. It cannot be changed here.
Async<types::GetBucketOwnershipControlsOutput> S3Service::get_bucket_ownership_controls(
    const RequestContext&, const types::GetBucketOwnershipControlsRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  types::GetBucketOwnershipControlsOutput out;
  types::OwnershipControlsRule& rule = out.ownership_controls.emplace().rules.emplace_back();
  rule.object_ownership = types::ObjectOwnership::BucketOwnerEnforced;
  co_return out;
}

template <>
void S3Service::offer<types::op::GetBucketOwnershipControls>(OperationTable& table) {
  table.serve<types::op::GetBucketOwnershipControls>(*this, &S3Service::get_bucket_ownership_controls);
}

}  // namespace s3
}  // namespace hearth
