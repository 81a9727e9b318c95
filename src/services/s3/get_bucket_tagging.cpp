#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/object_headers.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketTagging> {
  static Access of(const RequestContext&, const api::s3::GetBucketTaggingRequest& in) {
    return {.action = "s3:GetBucketTagging", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html
Async<types::GetBucketTaggingOutput> S3Service::get_bucket_tagging(const RequestContext&,
                                                                   const types::GetBucketTaggingRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  if (bucket.tags.empty()) co_return api::s3::errors::no_such_tag_set().with_field("BucketName", in.bucket);
  types::GetBucketTaggingOutput out;
  out.tag_set = to_tag_set(bucket.tags);
  co_return out;
}

template <>
void S3Service::offer<types::op::GetBucketTagging>(OperationTable& table) {
  table.serve<types::op::GetBucketTagging>(*this, &S3Service::get_bucket_tagging);
}

}  // namespace s3
}  // namespace hearth
