#include "services/s3/access.h"
#include "services/s3/object_reading.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::HeadObject> {
  static Access of(const RequestContext&, const api::s3::HeadObjectRequest& in) {
    // AWS: there is no s3:HeadObject.
    return s3::version_access("s3:GetObject", "s3:GetObjectVersion", in.bucket, in.key, in.version_id);
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
Async<types::HeadObjectOutput> S3Service::head_object(const RequestContext& ctx, const types::HeadObjectRequest& in) {
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const FoundObject object,
         co_await find_object(*tx, in.bucket, in.key, in.version_id, in.expected_bucket_owner));
  const ObjectRow& row = object.version.row;
  CO_TRY_DO(require_readable(read_conditions(in), row.etag, row.last_modified_ms));

  std::vector<PartContent> parts;
  if (in.part_number && row.content == ContentKind::parts) {
    CO_TRY(parts, co_await parts_of(*tx, in.key, object));
  }
  CO_TRY(const Selection selection, select(in, row, parts));
  types::HeadObjectOutput out;
  write_object(out, ctx, in, object, selection);
  co_return out;
}

template <>
void S3Service::offer<types::op::HeadObject>(OperationTable& table) {
  table.serve<types::op::HeadObject>(*this, &S3Service::head_object);
}

}  // namespace s3
}  // namespace hearth
