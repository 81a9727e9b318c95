#include "services/s3/access.h"
#include "services/s3/owner.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketAcl> {
  static Access of(const RequestContext&, const api::s3::GetBucketAclRequest& in) {
    return {.action = "s3:GetBucketAcl", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html
// Access control lists are off (BucketOwnerEnforced): the list says what always holds.
Async<types::GetBucketAclOutput> S3Service::get_bucket_acl(const RequestContext&,
                                                           const types::GetBucketAclRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  types::GetBucketAclOutput out;
  out.owner = owner_of(bucket.account_id);
  out.grants.emplace().push_back(owners_grant(bucket.account_id));
  co_return out;
}

template <>
void S3Service::offer<types::op::GetBucketAcl>(OperationTable& table) {
  table.serve<types::op::GetBucketAcl>(*this, &S3Service::get_bucket_acl);
}

}  // namespace s3
}  // namespace hearth
