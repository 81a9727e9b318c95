#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketAccelerateConfiguration> {
  static Access of(const RequestContext&, const api::s3::GetBucketAccelerateConfigurationRequest& in) {
    return {.action = "s3:GetAccelerateConfiguration", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAccelerateConfiguration.html
// AWS: an empty answer says that it was never switched on. It cannot be here.
Async<types::GetBucketAccelerateConfigurationOutput> S3Service::get_bucket_accelerate_configuration(
    const RequestContext&, const types::GetBucketAccelerateConfigurationRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  co_return types::GetBucketAccelerateConfigurationOutput{};
}

template <>
void S3Service::offer<types::op::GetBucketAccelerateConfiguration>(OperationTable& table) {
  table.serve<types::op::GetBucketAccelerateConfiguration>(*this, &S3Service::get_bucket_accelerate_configuration);
}

}  // namespace s3
}  // namespace hearth
