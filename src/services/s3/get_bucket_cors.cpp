#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketCors> {
  static Access of(const RequestContext&, const api::s3::GetBucketCorsRequest& in) {
    return {.action = "s3:GetBucketCORS", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketCors.html
// Cannot be configured here, so no bucket has it.
Async<types::GetBucketCorsOutput> S3Service::get_bucket_cors(const RequestContext&,
                                                             const types::GetBucketCorsRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  co_return api::s3::errors::no_such_cors_configuration().with_field("BucketName", in.bucket);
}

template <>
void S3Service::offer<types::op::GetBucketCors>(OperationTable& table) {
  table.serve<types::op::GetBucketCors>(*this, &S3Service::get_bucket_cors);
}

}  // namespace s3
}  // namespace hearth
