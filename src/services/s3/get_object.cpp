#include "services/s3/access.h"
#include "services/s3/object_reading.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::GetObject> {
  static Access of(const RequestContext&, const api::s3::GetObjectRequest& in) {
    return s3::version_access("s3:GetObject", "s3:GetObjectVersion", in.bucket, in.key, in.version_id);
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
Async<types::GetObjectOutput> S3Service::get_object(const RequestContext& ctx, const types::GetObjectRequest& in) {
  // The blob may be removed between reading its row and opening it; the row then is another one.
  constexpr int attempt_count_max = 4;
  Result<types::GetObjectOutput> out = co_await read_object(ctx, in);
  for (int attempt = 1; attempt < attempt_count_max; ++attempt) {
    if (out || out.error().kind() != ErrorKind::not_found) break;
    out = co_await read_object(ctx, in);
  }
  co_return out;
}

Async<types::GetObjectOutput> S3Service::read_object(const RequestContext& ctx, const types::GetObjectRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const FoundObject object,
         co_await find_object(*tx, in.bucket, in.key, in.version_id, in.expected_bucket_owner));
  const ObjectRow& row = object.version.row;
  CO_TRY_DO(require_readable(read_conditions(in), row.etag, row.last_modified_ms));  // 304, 412

  std::vector<PartContent> parts;
  if (in.part_number && row.content == ContentKind::parts) {
    CO_TRY(parts, co_await parts_of(*tx, in.key, object));
  }
  CO_TRY(const Selection selection, select(in, row, parts));  // 416

  types::GetObjectOutput out;
  if (row.size_bytes > 0) {
    const ByteRange range = selection.range.value_or(ByteRange{0, row.size_bytes - 1});
    CO_TRY(out.body, co_await open_body(*tx, in.key, object, range));
  } else {
    out.body = std::make_shared<StringSource>("");
  }
  write_object(out, ctx, in, object, selection);
  co_return out;
}

template <>
void S3Service::offer<types::op::GetObject>(OperationTable& table) {
  table.serve<types::op::GetObject>(*this, &S3Service::get_object);
}

}  // namespace s3
}  // namespace hearth
