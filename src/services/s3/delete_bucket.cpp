#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/names.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::DeleteBucket> {
  static Access of(const RequestContext&, const api::s3::DeleteBucketRequest& in) {
    return {.action = "s3:DeleteBucket", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

namespace errors = api::s3::errors;

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html
Async<wire::Unit> S3Service::delete_bucket(const RequestContext&, const types::DeleteBucketRequest& in) {
  bool has_uploads = false;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const BucketRow bucket, co_await find_bucket(tx, in.bucket, in.expected_bucket_owner));
    // The scans are part of what the transaction read: an object that comes meanwhile makes it run again.
    CO_TRY(const std::vector<KeyValue> objects, co_await tx.scan(KeyRange::prefix(keys::objects(in.bucket)), 1));
    if (!objects.empty()) {
      // AWS: says so when only old versions and delete markers are left, which a plain list does not show.
      if (bucket.versioning == Versioning::never)
        co_return errors::bucket_not_empty().with_field("BucketName", in.bucket);
      co_return errors::bucket_not_empty(
          "The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
          .with_field("BucketName", in.bucket);
    }

    // AWS: uploads that were never completed do not keep a bucket. One at a time, as each may have 10 000 parts.
    const std::string uploads = keys::uploads(in.bucket);
    CO_TRY(const std::vector<KeyValue> pending, co_await tx.scan(KeyRange::prefix(uploads), 1));
    has_uploads = !pending.empty();
    if (has_uploads) {
      const keys::UploadKey upload = keys::read_upload(pending.front().key, uploads.size());
      co_return co_await erase_upload(tx, in.bucket, upload.key, upload.upload_id);
    }
    tx.remove(keys::bucket(in.bucket));
    tx.remove(keys::owned_bucket(bucket.account_id, in.bucket));
    tx.remove(keys::policy(in.bucket));
    co_return ok;
  };
  do {
    Result<void> removed = co_await transact(metadata_, body);
    if (!removed) co_return to_s3_error(std::move(removed).error());
  } while (has_uploads);
  co_return wire::Unit();
}

template <>
void S3Service::offer<types::op::DeleteBucket>(OperationTable& table) {
  table.serve<types::op::DeleteBucket>(*this, &S3Service::delete_bucket);
}

}  // namespace s3
}  // namespace hearth
