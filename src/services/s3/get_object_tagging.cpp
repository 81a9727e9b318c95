#include "services/s3/access.h"
#include "services/s3/object_headers.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetObjectTagging> {
  static Access of(const RequestContext&, const api::s3::GetObjectTaggingRequest& in) {
    return s3::version_access("s3:GetObjectTagging", "s3:GetObjectVersionTagging", in.bucket, in.key, in.version_id);
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
Async<types::GetObjectTaggingOutput> S3Service::get_object_tagging(const RequestContext&,
                                                                   const types::GetObjectTaggingRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const FoundObject object,
         co_await find_object(*tx, in.bucket, in.key, in.version_id, in.expected_bucket_owner));
  types::GetObjectTaggingOutput out;
  out.tag_set = to_tag_set(object.version.row.headers.tags);
  if (object.bucket.versioning != Versioning::never) out.version_id = object.version.version_id();
  co_return out;
}

template <>
void S3Service::offer<types::op::GetObjectTagging>(OperationTable& table) {
  table.serve<types::op::GetObjectTagging>(*this, &S3Service::get_object_tagging);
}

}  // namespace s3
}  // namespace hearth
