#include "services/s3/access.h"
#include "services/s3/names.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::AbortMultipartUpload> {
  static Access of(const RequestContext&, const api::s3::AbortMultipartUploadRequest& in) {
    return {.action = "s3:AbortMultipartUpload", .resource = s3::object_arn(in.bucket, in.key)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
Async<types::AbortMultipartUploadOutput> S3Service::abort_multipart_upload(
    const RequestContext&, const types::AbortMultipartUploadRequest& in) {
  if (in.if_match_initiated_time)
    co_return not_implemented("x-amz-if-match-initiated-time", "conditions of directory buckets");
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY_DO(co_await find_bucket(tx, in.bucket, in.expected_bucket_owner));
    CO_TRY_DO(co_await find_upload(tx, in.bucket, in.key, in.upload_id));
    co_return co_await erase_upload(tx, in.bucket, in.key, in.upload_id);
  };
  Result<void> aborted = co_await transact(metadata_, body);
  if (!aborted) co_return to_s3_error(std::move(aborted).error());
  co_return types::AbortMultipartUploadOutput();
}

template <>
void S3Service::offer<types::op::AbortMultipartUpload>(OperationTable& table) {
  table.serve<types::op::AbortMultipartUpload>(*this, &S3Service::abort_multipart_upload);
}

}  // namespace s3
}  // namespace hearth
