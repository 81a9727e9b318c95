#include "services/s3/access.h"
#include "services/s3/listing_output.h"
#include "services/s3/names.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::ListObjectsV2> {
  static Access of(const RequestContext&, const api::s3::ListObjectsV2Request& in) {
    return {.action = "s3:ListBucket",
            .resource = s3::bucket_arn(in.bucket),
            .context = s3::list_conditions(in.prefix, in.delimiter, in.max_keys)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
Async<types::ListObjectsV2Output> S3Service::list_objects_v2(const RequestContext&,
                                                             const types::ListObjectsV2Request& in) {
  CO_TRY(const std::size_t limit, entry_limit("max-keys", in.max_keys));
  CO_TRY(const TextEncoding encoded, TextEncoding::parse(in.encoding_type));
  // A continuation token is the last entry of the page before, in base64.
  std::string marker = in.start_after.value_or("");
  if (in.continuation_token) {
    const std::optional<std::string> last = from_base64(*in.continuation_token);
    if (!last || last->empty())
      co_return invalid_argument("The continuation token provided is incorrect", "continuation-token",
                                 *in.continuation_token);
    marker = *last;
  }
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  const ObjectListQuery query{.bucket = in.bucket,
                              .prefix = in.prefix.value_or(""),
                              .delimiter = in.delimiter.value_or(""),
                              .marker = std::move(marker),
                              .limit = limit};
  CO_TRY(const ObjectPage page, co_await list_newest(*tx, query));

  types::ListObjectsV2Output out;
  out.name = in.bucket;
  out.prefix = encoded(query.prefix);
  out.delimiter = encoded.if_given(in.delimiter);
  out.max_keys = static_cast<std::int32_t>(limit);
  out.key_count = static_cast<std::int32_t>(page.objects.size() + page.common_prefixes.size());
  out.encoding_type = in.encoding_type;
  out.continuation_token = in.continuation_token;
  out.start_after = encoded.if_given(in.start_after);
  const types::Owner owner = owner_of(bucket.account_id);
  write_page(out, page, encoded, in.fetch_owner.value_or(false) ? &owner : nullptr);
  if (page.is_truncated) out.next_continuation_token = to_base64(page.last);
  co_return out;
}

template <>
void S3Service::offer<types::op::ListObjectsV2>(OperationTable& table) {
  table.serve<types::op::ListObjectsV2>(*this, &S3Service::list_objects_v2);
}

}  // namespace s3
}  // namespace hearth
