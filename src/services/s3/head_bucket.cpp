#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::HeadBucket> {
  static Access of(const RequestContext&, const api::s3::HeadBucketRequest& in) {
    return {.action = "s3:ListBucket", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
Async<types::HeadBucketOutput> S3Service::head_bucket(const RequestContext&, const types::HeadBucketRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  types::HeadBucketOutput out;
  out.bucket_region = bucket.region;
  out.bucket_arn = bucket_arn(bucket.name);
  out.access_point_alias = false;
  co_return out;
}

template <>
void S3Service::offer<types::op::HeadBucket>(OperationTable& table) {
  table.serve<types::op::HeadBucket>(*this, &S3Service::head_bucket);
}

}  // namespace s3
}  // namespace hearth
