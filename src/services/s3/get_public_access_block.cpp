#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetPublicAccessBlock> {
  static Access of(const RequestContext&, const api::s3::GetPublicAccessBlockRequest& in) {
    return {.action = "s3:GetBucketPublicAccessBlock", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetPublicAccessBlock.html
// Nothing is blocked: a bucket policy may let everybody in, and cannot be kept from it.
Async<types::GetPublicAccessBlockOutput> S3Service::get_public_access_block(
    const RequestContext&, const types::GetPublicAccessBlockRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  co_return api::s3::errors::no_such_public_access_block_configuration().with_field("BucketName", in.bucket);
}

template <>
void S3Service::offer<types::op::GetPublicAccessBlock>(OperationTable& table) {
  table.serve<types::op::GetPublicAccessBlock>(*this, &S3Service::get_public_access_block);
}

}  // namespace s3
}  // namespace hearth
