#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/checksum_fields.h"
#include "services/s3/copying.h"
#include "services/s3/multipart.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::UploadPartCopy> {
  static std::vector<Access> of(const RequestContext&, const api::s3::UploadPartCopyRequest& in) {
    return {s3::copy_source_access(in.copy_source),
            {.action = "s3:PutObject",
             .resource = s3::object_arn(in.bucket, in.key),
             .context = s3::Conditions().add("s3:x-amz-copy-source", wire::Opt<std::string>(in.copy_source)).take()}};
  }
};

namespace s3 {
namespace {

namespace errors = api::s3::errors;

// AWS: unlike Range, both ends must be given and must lie inside.
Result<std::optional<ByteRange>> source_range(const wire::Opt<std::string>& header, std::uint64_t size_bytes) {
  if (!header) return std::optional<ByteRange>();
  const auto malformed = [&] {
    return invalid_argument(
        "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last "
        "are the zero-based offsets of the first and last bytes to copy",
        "x-amz-copy-source-range", *header);
  };
  if (header->ends_with('-') || header->starts_with("bytes=-")) return malformed();
  const Result<std::optional<ByteRange>> range = resolve_range(*header, size_bytes);
  if (range && !*range) return malformed();
  const std::uint64_t last = std::strtoull(header->c_str() + header->rfind('-') + 1, nullptr, 10);
  if (!range || last >= size_bytes)
    return invalid_argument("Range specified is not valid for source object of size: " + std::to_string(size_bytes),
                            "x-amz-copy-source-range", *header);
  return *range;
}

}  // namespace

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
Async<types::UploadPartCopyOutput> S3Service::upload_part_copy(const RequestContext&,
                                                               const types::UploadPartCopyRequest& in) {
  PartToStore part{
      .bucket = in.bucket, .key = in.key, .upload_id = in.upload_id, .expected_owner = in.expected_bucket_owner};
  CO_TRY(part.number, check_part_number(in.part_number));
  CO_TRY(const CopySource source, parse_copy_source(in.copy_source));

  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY_DO(co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  CO_TRY(const UploadRow upload, co_await find_upload(*tx, in.bucket, in.key, in.upload_id));
  CO_TRY(const FoundObject original, co_await find_copy_source(*tx, source, in.expected_source_bucket_owner));
  const ObjectRow& row = original.version.row;
  CO_TRY_DO(require_copyable(copy_conditions(in), row.etag, row.last_modified_ms));
  CO_TRY(const std::optional<ByteRange> range, source_range(in.copy_source_range, row.size_bytes));
  if (!range && row.size_bytes > put_bytes_max)
    co_return errors::invalid_request(
        "The specified copy source is larger than the maximum allowable size for a copy "
        "source: 5368709120");

  const BodyClaims claims{.algorithm = upload.checksum_algorithm};
  constexpr std::size_t always_a_blob = 0;
  CO_TRY(part.body, co_await copy_in(*tx, source.key, original, range, claims, always_a_blob));
  part.checksum = part_checksum(claims, upload, part.body);
  CO_TRY(const PartRow stored, co_await store_part(std::move(part)));

  types::UploadPartCopyOutput out;
  types::CopyPartResult& result = out.copy_part_result.emplace();
  result.e_tag = quote(stored.etag);
  result.last_modified = wire::Timestamp(stored.last_modified_ms);
  if (upload.client_chose_checksum) write_checksum(result, stored.checksum.algorithm, stored.checksum.value);
  if (original.bucket.versioning != Versioning::never) out.copy_source_version_id = original.version.version_id();
  co_return out;
}

template <>
void S3Service::offer<types::op::UploadPartCopy>(OperationTable& table) {
  table.serve<types::op::UploadPartCopy>(*this, &S3Service::upload_part_copy);
}

}  // namespace s3
}  // namespace hearth
