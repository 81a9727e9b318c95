#include "services/s3/access.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetBucketRequestPayment> {
  static Access of(const RequestContext&, const api::s3::GetBucketRequestPaymentRequest& in) {
    return {.action = "s3:GetBucketRequestPayment", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketRequestPayment.html
// Nobody pays; AWS says it like this of a bucket that was not told otherwise.
Async<types::GetBucketRequestPaymentOutput> S3Service::get_bucket_request_payment(
    const RequestContext&, const types::GetBucketRequestPaymentRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  types::GetBucketRequestPaymentOutput out;
  out.payer = std::string(types::Payer::BucketOwner);
  co_return out;
}

template <>
void S3Service::offer<types::op::GetBucketRequestPayment>(OperationTable& table) {
  table.serve<types::op::GetBucketRequestPayment>(*this, &S3Service::get_bucket_request_payment);
}

}  // namespace s3
}  // namespace hearth
