#include "services/s3/access.h"
#include "services/s3/checksum_fields.h"
#include "services/s3/multipart.h"
#include "services/s3/object_headers.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::UploadPart> {
  static Access of(const RequestContext&, const api::s3::UploadPartRequest& in) {
    return {.action = "s3:PutObject", .resource = s3::object_arn(in.bucket, in.key)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
Async<types::UploadPartOutput> S3Service::upload_part(const RequestContext&, types::UploadPartRequest& in) {
  PartToStore part{
      .bucket = in.bucket, .key = in.key, .upload_id = in.upload_id, .expected_owner = in.expected_bucket_owner};
  CO_TRY(part.number, check_part_number(in.part_number));
  if (in.sse_customer_algorithm)
    co_return not_implemented("x-amz-server-side-encryption-customer-algorithm", "encryption with the client's keys");

  UploadRow upload;
  {
    const std::unique_ptr<Transaction> tx = metadata_.begin();
    CO_TRY_DO(co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
    CO_TRY(upload, co_await find_upload(*tx, in.bucket, in.key, in.upload_id));
  }
  CO_TRY(BodyClaims claims, claims_of(in, ChecksumAlgorithm::none));
  const ChecksumAlgorithm claimed = claims.algorithm;
  CO_TRY_DO(fit_claims(claims, upload, claimed != ChecksumAlgorithm::none));

  StringSource no_body("");
  ByteSource& source = in.body ? *in.body : no_body;
  constexpr std::size_t always_a_blob = 0;
  CO_TRY(part.body, co_await take_in(blobs_, pool_, source, claims, always_a_blob));
  part.checksum = part_checksum(claims, upload, part.body);
  const std::string answered_checksum = to_base64(part.body.checksum);
  CO_TRY(const PartRow stored, co_await store_part(std::move(part)));

  types::UploadPartOutput out;
  out.e_tag = quote(stored.etag);
  write_checksum(out, claims.algorithm, answered_checksum);
  co_return out;
}

template <>
void S3Service::offer<types::op::UploadPart>(OperationTable& table) {
  table.serve<types::op::UploadPart>(*this, &S3Service::upload_part);
}

}  // namespace s3
}  // namespace hearth
