#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketReplication> {
  static Access of(const RequestContext&, const api::s3::GetBucketReplicationRequest& in) {
    return {.action = "s3:GetReplicationConfiguration", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketReplication.html
// Cannot be configured here, so no bucket has it.
Async<types::GetBucketReplicationOutput> S3Service::get_bucket_replication(
    const RequestContext&, const types::GetBucketReplicationRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  co_return api::s3::errors::replication_configuration_not_found_error().with_field("BucketName", in.bucket);
}

template <>
void S3Service::offer<types::op::GetBucketReplication>(OperationTable& table) {
  table.serve<types::op::GetBucketReplication>(*this, &S3Service::get_bucket_replication);
}

}  // namespace s3
}  // namespace hearth
