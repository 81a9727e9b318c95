#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetObjectLockConfiguration> {
  static Access of(const RequestContext&, const api::s3::GetObjectLockConfigurationRequest& in) {
    return {.action = "s3:GetBucketObjectLockConfiguration", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLockConfiguration.html
// Cannot be configured here, so no bucket has it.
Async<types::GetObjectLockConfigurationOutput> S3Service::get_object_lock_configuration(
    const RequestContext&, const types::GetObjectLockConfigurationRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  co_return api::s3::errors::object_lock_configuration_not_found_error().with_field("BucketName", in.bucket);
}

template <>
void S3Service::offer<types::op::GetObjectLockConfiguration>(OperationTable& table) {
  table.serve<types::op::GetObjectLockConfiguration>(*this, &S3Service::get_object_lock_configuration);
}

}  // namespace s3
}  // namespace hearth
