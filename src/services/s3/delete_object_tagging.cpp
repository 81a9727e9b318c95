#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::DeleteObjectTagging> {
  static Access of(const RequestContext&, const api::s3::DeleteObjectTaggingRequest& in) {
    return s3::version_access("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging", in.bucket, in.key,
                              in.version_id);
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html
Async<types::DeleteObjectTaggingOutput> S3Service::delete_object_tagging(const RequestContext&,
                                                                         const types::DeleteObjectTaggingRequest& in) {
  const Tags none;
  CO_TRY(const FoundObject object,
         co_await replace_tags(in.bucket, in.key, in.version_id, in.expected_bucket_owner, none));
  types::DeleteObjectTaggingOutput out;
  if (object.bucket.versioning != Versioning::never) out.version_id = object.version.version_id();
  co_return out;
}

template <>
void S3Service::offer<types::op::DeleteObjectTagging>(OperationTable& table) {
  table.serve<types::op::DeleteObjectTagging>(*this, &S3Service::delete_object_tagging);
}

}  // namespace s3
}  // namespace hearth
