#include <fmt/format.h>

#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/checksum_fields.h"
#include "services/s3/object_headers.h"
#include "services/s3/owner.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::CreateMultipartUpload> {
  static std::vector<Access> of(const RequestContext&, const api::s3::CreateMultipartUploadRequest& in) {
    s3::Conditions conditions;
    conditions.add("s3:x-amz-acl", in.acl).add("s3:x-amz-storage-class", in.storage_class);
    const Result<s3::Tags> tags = s3::parse_tagging_header(in.tagging.value_or(""));
    if (tags) conditions.add_request_tags(*tags);
    const std::string resource = s3::object_arn(in.bucket, in.key);
    const ConditionContext context = conditions.take();
    std::vector<Access> accesses = {{.action = "s3:PutObject", .resource = resource, .context = context}};
    if (in.tagging) accesses.push_back({.action = "s3:PutObjectTagging", .resource = resource, .context = context});
    return accesses;
  }
};

namespace s3 {
namespace {

namespace errors = api::s3::errors;

Result<void> choose_checksum(UploadRow& upload, const types::CreateMultipartUploadRequest& in) {
  TRY(upload.checksum_algorithm, named_algorithm(in.checksum_algorithm));
  upload.client_chose_checksum = upload.checksum_algorithm != ChecksumAlgorithm::none;
  if (!upload.client_chose_checksum) {
    if (in.checksum_type)
      return errors::invalid_request(
          "The x-amz-checksum-type header can only be used with the "
          "x-amz-checksum-algorithm header.");
    // AWS: computes CRC64NVME over the whole object when nobody asks for anything.
    upload.checksum_algorithm = ChecksumAlgorithm::crc64nvme;
    return ok;
  }
  // AWS: CRC64NVME is over the whole object only, the SHAs are over the parts only, the others default to the parts.
  const bool is_crc64 = upload.checksum_algorithm == ChecksumAlgorithm::crc64nvme;
  const std::string type = in.checksum_type.value_or(is_crc64 ? "FULL_OBJECT" : "COMPOSITE");
  if (type != "FULL_OBJECT" && type != "COMPOSITE")
    return errors::invalid_request("Value for x-amz-checksum-type header is invalid.");
  upload.checksum_type = type == "COMPOSITE" ? ChecksumType::composite : ChecksumType::full_object;
  const bool is_possible = type == "COMPOSITE" ? !is_crc64 : is_crc(upload.checksum_algorithm);
  if (!is_possible)
    return errors::invalid_request("The " + type + " checksum type cannot be used with the " +
                                   to_lower(std::string(to_string(upload.checksum_algorithm))) +
                                   " checksum algorithm.");
  return ok;
}

}  // namespace

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
Async<types::CreateMultipartUploadOutput> S3Service::create_multipart_upload(
    const RequestContext& ctx, const types::CreateMultipartUploadRequest& in) {
  CO_TRY_DO(check_key(in.key));
  CO_TRY_DO(check_acl(in));
  CO_TRY_DO(check_storage_options(in));
  UploadRow upload;
  CO_TRY_DO(choose_checksum(upload, in));
  CO_TRY(upload.headers, headers_of(in));
  CO_TRY(upload.headers.tags, parse_tagging_header(in.tagging.value_or("")));
  upload.initiated_ms = to_ms(clock_.now());
  upload.initiator_id = ctx.caller.arn.empty() ? canonical_user_id(ctx.account_id) : ctx.caller.arn;
  upload.initiator_name = ctx.caller.user_name;
  // Grows with time, so that uploads of one key are listed in the order they were begun.
  const std::string upload_id = fmt::format("{:012x}", upload.initiated_ms) + ids_.hex(36);

  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY_DO(co_await find_bucket(tx, in.bucket, in.expected_bucket_owner));
    tx.put(keys::upload(in.bucket, in.key, upload_id), encode(upload));
    co_return ok;
  };
  Result<void> created = co_await transact(metadata_, body);
  if (!created) co_return to_s3_error(std::move(created).error());

  types::CreateMultipartUploadOutput out;
  out.bucket = in.bucket;
  out.key = in.key;
  out.upload_id = upload_id;
  if (upload.client_chose_checksum) {
    out.checksum_algorithm = std::string(to_string(upload.checksum_algorithm));
    out.checksum_type = std::string(to_string(upload.checksum_type));
  }
  co_return out;
}

template <>
void S3Service::offer<types::op::CreateMultipartUpload>(OperationTable& table) {
  table.serve<types::op::CreateMultipartUpload>(*this, &S3Service::create_multipart_upload);
}

}  // namespace s3
}  // namespace hearth
