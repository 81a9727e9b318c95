#include "services/s3/access.h"
#include "services/s3/owner.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetObjectAcl> {
  static Access of(const RequestContext&, const api::s3::GetObjectAclRequest& in) {
    return s3::version_access("s3:GetObjectAcl", "s3:GetObjectVersionAcl", in.bucket, in.key, in.version_id);
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html
// Access control lists are off (BucketOwnerEnforced): the list says what always holds.
Async<types::GetObjectAclOutput> S3Service::get_object_acl(const RequestContext&,
                                                           const types::GetObjectAclRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const FoundObject object,
         co_await find_object(*tx, in.bucket, in.key, in.version_id, in.expected_bucket_owner));
  types::GetObjectAclOutput out;
  out.owner = owner_of(object.bucket.account_id);
  out.grants.emplace().push_back(owners_grant(object.bucket.account_id));
  co_return out;
}

template <>
void S3Service::offer<types::op::GetObjectAcl>(OperationTable& table) {
  table.serve<types::op::GetObjectAcl>(*this, &S3Service::get_object_acl);
}

}  // namespace s3
}  // namespace hearth
