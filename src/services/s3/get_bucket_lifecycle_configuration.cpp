#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketLifecycleConfiguration> {
  static Access of(const RequestContext&, const api::s3::GetBucketLifecycleConfigurationRequest& in) {
    return {.action = "s3:GetLifecycleConfiguration", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html
// Cannot be configured here, so no bucket has it.
Async<types::GetBucketLifecycleConfigurationOutput> S3Service::get_bucket_lifecycle_configuration(
    const RequestContext&, const types::GetBucketLifecycleConfigurationRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  co_return api::s3::errors::no_such_lifecycle_configuration().with_field("BucketName", in.bucket);
}

template <>
void S3Service::offer<types::op::GetBucketLifecycleConfiguration>(OperationTable& table) {
  table.serve<types::op::GetBucketLifecycleConfiguration>(*this, &S3Service::get_bucket_lifecycle_configuration);
}

}  // namespace s3
}  // namespace hearth
