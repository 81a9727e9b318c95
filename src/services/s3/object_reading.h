// What GetObject and HeadObject have in common: which bytes, which headers. Templates over the two generated requests
// and answers.
#pragma once

#include <optional>
#include <vector>

#include "services/s3/checksum_fields.h"
#include "services/s3/object_headers.h"
#include "services/s3/preconditions.h"
#include "services/s3/service.h"

namespace hearth::s3 {

inline Error unsatisfiable_part(std::uint32_t number, std::size_t part_count) {
  return api::s3::errors::invalid_part_number()
      .with_field("PartNumberRequested", std::to_string(number))
      .with_field("ActualPartCount", std::to_string(part_count));
}

template <class In>
ReadConditions read_conditions(const In& in) {
  ReadConditions conditions;
  if (in.if_match) conditions.if_match = *in.if_match;
  if (in.if_none_match) conditions.if_none_match = *in.if_none_match;
  if (in.if_modified_since) conditions.if_modified_since = in.if_modified_since->time();
  if (in.if_unmodified_since) conditions.if_unmodified_since = in.if_unmodified_since->time();
  return conditions;
}

// What a request wants of an object.
struct Selection {
  std::optional<ByteRange> range;       // null: everything
  std::optional<std::string> checksum;  // of one part, when a part was asked for; base64
  bool is_part = false;
};

// `parts`: of a multipart object.
template <class In>
Result<Selection> select(const In& in, const ObjectRow& row, const std::vector<PartContent>& parts) {
  Selection selection;
  if (!in.part_number) {
    TRY(selection.range, resolve_range(in.range.value_or(""), row.size_bytes));
    return selection;
  }
  if (in.range)
    return api::s3::errors::invalid_request("Cannot specify both Range header and partNumber query parameter");
  if (*in.part_number < 1 || *in.part_number > 10'000)
    return invalid_argument("Part number must be an integer between 1 and 10000, inclusive", "partNumber",
                            std::to_string(*in.part_number));
  selection.is_part = true;
  const auto number = static_cast<std::uint32_t>(*in.part_number);
  // An object that was put in one piece is its own part 1.
  if (row.part_count == 0) {
    if (number != 1) return unsatisfiable_part(number, 1);
    if (row.size_bytes > 0) selection.range = ByteRange{0, row.size_bytes - 1};
    return selection;
  }
  // AWS: counts the parts the object has, whatever numbers they were uploaded under.
  if (number > parts.size()) return unsatisfiable_part(number, parts.size());
  std::uint64_t first = 0;
  for (std::size_t i = 0; i + 1 < number; ++i) first += parts[i].size_bytes;
  const PartContent& part = parts[number - 1];
  if (part.size_bytes > 0) selection.range = ByteRange{first, first + part.size_bytes - 1};
  selection.checksum = part.checksum;
  return selection;
}

// Everything but the body. Sets the status to 206 for a part of the bytes.
template <class In, class Out>
void write_object(Out& out, const RequestContext& ctx, const In& in, const FoundObject& object,
                  const Selection& selection) {
  const ObjectRow& row = object.version.row;
  write_headers(out, row.headers);
  const auto override_with = [](wire::Opt<std::string>& member, const wire::Opt<std::string>& asked) {
    if (asked) member = asked;
  };
  override_with(out.content_type, in.response_content_type);
  override_with(out.cache_control, in.response_cache_control);
  override_with(out.content_disposition, in.response_content_disposition);
  override_with(out.content_encoding, in.response_content_encoding);
  override_with(out.content_language, in.response_content_language);
  if (in.response_expires) out.expires = format_http_date(in.response_expires->time());

  out.accept_ranges = "bytes";
  out.e_tag = quote(row.etag);
  out.last_modified = wire::Timestamp(row.last_modified_ms);
  if (object.bucket.versioning != Versioning::never) out.version_id = object.version.version_id();
  out.content_length = static_cast<std::int64_t>(selection.range ? selection.range->length() : row.size_bytes);
  if (selection.is_part && row.part_count > 0) out.parts_count = static_cast<std::int32_t>(row.part_count);
  if (selection.range) {
    out.content_range = content_range(*selection.range, row.size_bytes);
    ctx.success_status = 206;
  }
  // AWS: the checksum of an object is not that of a range of it.
  if (in.checksum_mode && to_lower(*in.checksum_mode) == "enabled") {
    if (!selection.range || selection.range->length() == row.size_bytes)
      write_checksum(out, row.checksum);
    else if (selection.checksum)
      write_checksum(out, row.checksum.algorithm, *selection.checksum);
  }
}

}  // namespace hearth::s3
