#include "base/row.h"
#include "services/s3/access.h"
#include "services/s3/names.h"
#include "services/s3/owner.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::ListBuckets> {
  static Access of(const RequestContext&, const api::s3::ListBucketsRequest&) {
    return {.action = "s3:ListAllMyBuckets", .resource = "*"};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
Async<types::ListBucketsOutput> S3Service::list_buckets(const RequestContext& ctx,
                                                        const types::ListBucketsRequest& in) {
  constexpr std::int32_t bucket_count_max = 10'000;
  const std::int32_t limit = in.max_buckets.value_or(bucket_count_max);
  if (limit < 1 || limit > bucket_count_max)
    co_return invalid_argument("Argument max-buckets must be an integer between 1 and 10000", "max-buckets",
                               std::to_string(limit));

  const std::string mine = keys::owned_buckets(ctx.account_id);
  const std::string prefix = in.prefix.value_or("");
  KeyRange range{keys::starting_with(mine, prefix), keys::end_of_prefix(mine, prefix)};
  if (in.continuation_token) {
    const std::optional<std::string> last_name = from_base64(*in.continuation_token);
    if (!last_name)
      co_return invalid_argument("The continuation token provided is incorrect", "continuation-token",
                                 *in.continuation_token);
    range.begin = std::max(range.begin, keys::after_key(mine, *last_name));
  }

  types::ListBucketsOutput out;
  out.owner = owner_of(ctx.account_id);
  std::vector<types::Bucket>& buckets = out.buckets.emplace();
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const std::vector<KeyValue> rows, co_await tx->scan(range, static_cast<std::size_t>(limit) + 1));
  for (const KeyValue& owned : rows) {
    if (buckets.size() == static_cast<std::size_t>(limit)) {
      out.continuation_token = to_base64(*buckets.back().name);
      break;
    }
    const std::string name = KeyReader(std::string_view(owned.key).substr(mine.size())).take_text();
    CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, name));
    if (in.bucket_region && *in.bucket_region != bucket.region) continue;
    types::Bucket& listed = buckets.emplace_back();
    listed.name = name;
    listed.creation_date = wire::Timestamp(bucket.created_ms);
    listed.bucket_region = bucket.region;
    listed.bucket_arn = bucket_arn(name);
  }
  out.prefix = in.prefix;
  co_return out;
}

template <>
void S3Service::offer<types::op::ListBuckets>(OperationTable& table) {
  table.serve<types::op::ListBuckets>(*this, &S3Service::list_buckets);
}

}  // namespace s3
}  // namespace hearth
