#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketLocation> {
  static Access of(const RequestContext&, const api::s3::GetBucketLocationRequest& in) {
    return {.action = "s3:GetBucketLocation", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
Async<types::GetBucketLocationOutput> S3Service::get_bucket_location(const RequestContext&,
                                                                     const types::GetBucketLocationRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  types::GetBucketLocationOutput out;
  // AWS: us-east-1 has an empty location.
  if (bucket.region != "us-east-1") out.location_constraint = bucket.region;
  co_return out;
}

template <>
void S3Service::offer<types::op::GetBucketLocation>(OperationTable& table) {
  table.serve<types::op::GetBucketLocation>(*this, &S3Service::get_bucket_location);
}

}  // namespace s3
}  // namespace hearth
