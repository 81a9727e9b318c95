#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketPolicy> {
  static Access of(const RequestContext&, const api::s3::GetBucketPolicyRequest& in) {
    return {.action = "s3:GetBucketPolicy", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html
Async<types::GetBucketPolicyOutput> S3Service::get_bucket_policy(const RequestContext&,
                                                                 const types::GetBucketPolicyRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  const std::string policy_key = keys::policy(in.bucket);
  CO_TRY(std::optional<std::string> policy, co_await tx->get(policy_key));
  if (!policy) co_return api::s3::errors::no_such_bucket_policy().with_field("BucketName", in.bucket);
  types::GetBucketPolicyOutput out;
  out.policy = *std::move(policy);
  co_return out;
}

template <>
void S3Service::offer<types::op::GetBucketPolicy>(OperationTable& table) {
  table.serve<types::op::GetBucketPolicy>(*this, &S3Service::get_bucket_policy);
}

}  // namespace s3
}  // namespace hearth
