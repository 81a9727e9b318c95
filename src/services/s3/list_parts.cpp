#include "services/s3/access.h"
#include "services/s3/checksum_fields.h"
#include "services/s3/listing.h"
#include "services/s3/owner.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::ListParts> {
  static Access of(const RequestContext&, const api::s3::ListPartsRequest& in) {
    return {.action = "s3:ListMultipartUploadParts", .resource = s3::object_arn(in.bucket, in.key)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
Async<types::ListPartsOutput> S3Service::list_parts(const RequestContext&, const types::ListPartsRequest& in) {
  CO_TRY(const std::size_t limit, entry_limit("max-parts", in.max_parts));
  const std::int32_t marker = in.part_number_marker.value_or(0);
  if (marker < 0)
    co_return invalid_argument("Argument part-number-marker must be an integer between 0 and 2147483647",
                               "part-number-marker", std::to_string(marker));
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  CO_TRY(const UploadRow upload, co_await find_upload(*tx, in.bucket, in.key, in.upload_id));

  const std::string prefix = keys::parts(in.upload_id);
  const KeyRange range{keys::part(in.upload_id, static_cast<std::uint32_t>(marker) + 1), after_prefix(prefix)};
  CO_TRY(const std::vector<KeyValue> rows, co_await tx->scan(range, limit + 1));

  types::ListPartsOutput out;
  out.bucket = in.bucket;
  out.key = in.key;
  out.upload_id = in.upload_id;
  out.part_number_marker = marker;
  out.max_parts = static_cast<std::int32_t>(limit);
  out.is_truncated = limit > 0 && rows.size() > limit;
  out.storage_class = std::string(types::StorageClass::STANDARD);
  out.owner = owner_of(bucket.account_id);
  types::Initiator& initiator = out.initiator.emplace();
  initiator.id = upload.initiator_id;
  if (!upload.initiator_name.empty()) initiator.display_name = upload.initiator_name;
  if (upload.client_chose_checksum) {
    out.checksum_algorithm = std::string(to_string(upload.checksum_algorithm));
    out.checksum_type = std::string(to_string(upload.checksum_type));
  }
  for (std::size_t i = 0; i < std::min(limit, rows.size()); ++i) {
    CO_TRY(const PartRow part, decode_part(rows[i].value));
    if (!out.parts) out.parts.emplace();
    types::Part& listed = out.parts->emplace_back();
    listed.part_number = static_cast<std::int32_t>(keys::read_part_number(rows[i].key, prefix.size()));
    listed.last_modified = wire::Timestamp(part.last_modified_ms);
    listed.e_tag = quote(part.etag);
    listed.size = static_cast<std::int64_t>(part.size_bytes);
    if (upload.client_chose_checksum) write_checksum(listed, part.checksum.algorithm, part.checksum.value);
    out.next_part_number_marker = *listed.part_number;
  }
  co_return out;
}

template <>
void S3Service::offer<types::op::ListParts>(OperationTable& table) {
  table.serve<types::op::ListParts>(*this, &S3Service::list_parts);
}

}  // namespace s3
}  // namespace hearth
