#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketNotificationConfiguration> {
  static Access of(const RequestContext&, const api::s3::GetBucketNotificationConfigurationRequest& in) {
    return {.action = "s3:GetBucketNotification", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html
// AWS: an empty answer says that nobody is notified. It cannot be configured here.
Async<types::NotificationConfiguration> S3Service::get_bucket_notification_configuration(
    const RequestContext&, const types::GetBucketNotificationConfigurationRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  co_return types::NotificationConfiguration{};
}

template <>
void S3Service::offer<types::op::GetBucketNotificationConfiguration>(OperationTable& table) {
  table.serve<types::op::GetBucketNotificationConfiguration>(*this, &S3Service::get_bucket_notification_configuration);
}

}  // namespace s3
}  // namespace hearth
