#include <algorithm>

#include "services/s3/access.h"
#include "services/s3/checksum_fields.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetObjectAttributes> {
  static std::vector<Access> of(const RequestContext&, const api::s3::GetObjectAttributesRequest& in) {
    // AWS: two rights, as it tells more than HeadObject does.
    return {s3::version_access("s3:GetObject", "s3:GetObjectVersion", in.bucket, in.key, in.version_id),
            s3::version_access("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes", in.bucket, in.key,
                               in.version_id)};
  }
};

namespace s3 {
namespace {

types::GetObjectAttributesParts list_of_parts(const std::vector<PartContent>& parts, const StoredChecksum& checksum,
                                              const types::GetObjectAttributesRequest& in) {
  const auto marker = static_cast<std::uint32_t>(std::max(0, in.part_number_marker.value_or(0)));
  const auto limit = static_cast<std::size_t>(std::clamp(in.max_parts.value_or(1000), 0, 1000));
  types::GetObjectAttributesParts out;
  out.total_parts_count = static_cast<std::int32_t>(parts.size());
  out.part_number_marker = static_cast<std::int32_t>(marker);
  out.max_parts = static_cast<std::int32_t>(limit);
  out.is_truncated = false;
  // AWS: lists parts of uploads with checksums of their own only.
  if (checksum.type != ChecksumType::composite) return out;
  std::vector<types::ObjectPart>& listed = out.parts.emplace();
  for (const PartContent& part : parts) {
    if (part.number <= marker) continue;
    if (listed.size() == limit) {
      out.is_truncated = true;
      break;
    }
    types::ObjectPart& one = listed.emplace_back();
    one.part_number = static_cast<std::int32_t>(part.number);
    one.size = static_cast<std::int64_t>(part.size_bytes);
    write_checksum(one, checksum.algorithm, part.checksum);
    out.next_part_number_marker = *one.part_number;
  }
  return out;
}

}  // namespace

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html
Async<types::GetObjectAttributesOutput> S3Service::get_object_attributes(const RequestContext&,
                                                                         const types::GetObjectAttributesRequest& in) {
  const auto wants = [&](std::string_view attribute) {
    return std::ranges::find(in.object_attributes, attribute) != in.object_attributes.end();
  };
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const FoundObject object,
         co_await find_object(*tx, in.bucket, in.key, in.version_id, in.expected_bucket_owner));
  const ObjectRow& row = object.version.row;

  types::GetObjectAttributesOutput out;
  out.last_modified = wire::Timestamp(row.last_modified_ms);
  if (object.bucket.versioning != Versioning::never) out.version_id = object.version.version_id();
  // AWS: without quotes, here only.
  if (wants(types::ObjectAttributes::ETag)) out.e_tag = row.etag;
  if (wants(types::ObjectAttributes::ObjectSize)) out.object_size = static_cast<std::int64_t>(row.size_bytes);
  if (wants(types::ObjectAttributes::StorageClass)) out.storage_class = std::string(types::StorageClass::STANDARD);
  if (wants(types::ObjectAttributes::Checksum) && row.checksum.algorithm != ChecksumAlgorithm::none)
    write_checksum(out.checksum.emplace(), row.checksum);
  if (wants(types::ObjectAttributes::ObjectParts) && row.content == ContentKind::parts) {
    CO_TRY(const std::vector<PartContent> parts, co_await parts_of(*tx, in.key, object));
    out.object_parts = list_of_parts(parts, row.checksum, in);
  }
  co_return out;
}

template <>
void S3Service::offer<types::op::GetObjectAttributes>(OperationTable& table) {
  table.serve<types::op::GetObjectAttributes>(*this, &S3Service::get_object_attributes);
}

}  // namespace s3
}  // namespace hearth
