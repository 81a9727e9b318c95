#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/names.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::PutBucketVersioning> {
  static Access of(const RequestContext&, const api::s3::PutBucketVersioningRequest& in) {
    return {.action = "s3:PutBucketVersioning", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

namespace errors = api::s3::errors;

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html
Async<wire::Unit> S3Service::put_bucket_versioning(const RequestContext&, const types::PutBucketVersioningRequest& in) {
  const std::string status = in.versioning_configuration.status.value_or("");
  if (status != types::BucketVersioningStatus::Enabled && status != types::BucketVersioningStatus::Suspended)
    co_return errors::illegal_versioning_configuration_exception("The Versioning element must be specified");
  if (in.mfa || in.versioning_configuration.mfa_delete.value_or("Disabled") != "Disabled")
    co_return not_implemented("x-amz-mfa", "MFA delete");

  const bool is_enabled = status == types::BucketVersioningStatus::Enabled;
  const auto change = [&](BucketRow& bucket) {
    bucket.versioning = is_enabled ? Versioning::enabled : Versioning::suspended;
  };
  CO_TRY_DO(co_await change_bucket(in.bucket, in.expected_bucket_owner, change));
  co_return wire::Unit();
}

template <>
void S3Service::offer<types::op::PutBucketVersioning>(OperationTable& table) {
  table.serve<types::op::PutBucketVersioning>(*this, &S3Service::put_bucket_versioning);
}

}  // namespace s3
}  // namespace hearth
