#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketEncryption> {
  static Access of(const RequestContext&, const api::s3::GetBucketEncryptionRequest& in) {
    return {.action = "s3:GetEncryptionConfiguration", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html
// Objects are stored as they are.
Async<types::GetBucketEncryptionOutput> S3Service::get_bucket_encryption(const RequestContext&,
                                                                         const types::GetBucketEncryptionRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  co_return api::s3::errors::server_side_encryption_configuration_not_found_error().with_field("BucketName", in.bucket);
}

template <>
void S3Service::offer<types::op::GetBucketEncryption>(OperationTable& table) {
  table.serve<types::op::GetBucketEncryption>(*this, &S3Service::get_bucket_encryption);
}

}  // namespace s3
}  // namespace hearth
