#include "services/s3/access.h"
#include "services/s3/listing_output.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::ListObjects> {
  static Access of(const RequestContext&, const api::s3::ListObjectsRequest& in) {
    return {.action = "s3:ListBucket",
            .resource = s3::bucket_arn(in.bucket),
            .context = s3::list_conditions(in.prefix, in.delimiter, in.max_keys)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html
Async<types::ListObjectsOutput> S3Service::list_objects(const RequestContext&, const types::ListObjectsRequest& in) {
  CO_TRY(const std::size_t limit, entry_limit("max-keys", in.max_keys));
  CO_TRY(const TextEncoding encoded, TextEncoding::parse(in.encoding_type));
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  const ObjectListQuery query{.bucket = in.bucket,
                              .prefix = in.prefix.value_or(""),
                              .delimiter = in.delimiter.value_or(""),
                              .marker = in.marker.value_or(""),
                              .limit = limit};
  CO_TRY(const ObjectPage page, co_await list_newest(*tx, query));

  types::ListObjectsOutput out;
  out.name = in.bucket;
  out.prefix = encoded(query.prefix);
  out.marker = encoded(query.marker);
  out.delimiter = encoded.if_given(in.delimiter);
  out.max_keys = static_cast<std::int32_t>(limit);
  out.encoding_type = in.encoding_type;
  const types::Owner owner = owner_of(bucket.account_id);
  write_page(out, page, encoded, &owner);
  // AWS: without a delimiter the last key is the next marker, and nobody says so.
  if (page.is_truncated && in.delimiter) out.next_marker = encoded(page.last);
  co_return out;
}

template <>
void S3Service::offer<types::op::ListObjects>(OperationTable& table) {
  table.serve<types::op::ListObjects>(*this, &S3Service::list_objects);
}

}  // namespace s3
}  // namespace hearth
