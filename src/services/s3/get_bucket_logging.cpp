#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketLogging> {
  static Access of(const RequestContext&, const api::s3::GetBucketLoggingRequest& in) {
    return {.action = "s3:GetBucketLogging", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLogging.html
// AWS: an empty answer says that there is no logging. It cannot be configured here.
Async<types::GetBucketLoggingOutput> S3Service::get_bucket_logging(const RequestContext&,
                                                                   const types::GetBucketLoggingRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  co_return types::GetBucketLoggingOutput{};
}

template <>
void S3Service::offer<types::op::GetBucketLogging>(OperationTable& table) {
  table.serve<types::op::GetBucketLogging>(*this, &S3Service::get_bucket_logging);
}

}  // namespace s3
}  // namespace hearth
