#include "services/s3/access.h"
#include "services/s3/object_headers.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::PutBucketTagging> {
  static Access of(const RequestContext&, const api::s3::PutBucketTaggingRequest& in) {
    return {.action = "s3:PutBucketTagging", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html
Async<wire::Unit> S3Service::put_bucket_tagging(const RequestContext&, const types::PutBucketTaggingRequest& in) {
  CO_TRY(const Tags tags, tags_of(in.tagging.tag_set, bucket_tag_count_max));
  const auto change = [&](BucketRow& bucket) { bucket.tags = {tags.begin(), tags.end()}; };
  CO_TRY_DO(co_await change_bucket(in.bucket, in.expected_bucket_owner, change));
  co_return wire::Unit();
}

template <>
void S3Service::offer<types::op::PutBucketTagging>(OperationTable& table) {
  table.serve<types::op::PutBucketTagging>(*this, &S3Service::put_bucket_tagging);
}

}  // namespace s3
}  // namespace hearth
