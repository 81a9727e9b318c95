#include <algorithm>

#include "api/s3/errors.h"
#include "base/row.h"
#include "services/s3/access.h"
#include "services/s3/names.h"
#include "services/s3/object_headers.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::CreateBucket> {
  static Access of(const RequestContext&, const api::s3::CreateBucketRequest& in) {
    s3::Conditions conditions;
    conditions.add("s3:x-amz-acl", in.acl).add("s3:x-amz-object-ownership", in.object_ownership);
    if (in.create_bucket_configuration)
      conditions.add("s3:locationconstraint", in.create_bucket_configuration->location_constraint);
    return {.action = "s3:CreateBucket", .resource = s3::bucket_arn(in.bucket), .context = conditions.take()};
  }
};

namespace s3 {
namespace {

namespace errors = api::s3::errors;
constexpr std::string_view default_region = "us-east-1";

bool is_region_name(std::string_view text) {
  const auto part = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return std::ranges::all_of(text, part) && std::ranges::count(text, '-') >= 2;
}

Result<std::string> choose_region(const RequestContext& ctx, const types::CreateBucketRequest& in) {
  std::string asked;
  if (in.create_bucket_configuration) asked = in.create_bucket_configuration->location_constraint.value_or("");
  if (asked == "EU") asked = "eu-west-1";
  // AWS: us-east-1 is asked for by not asking.
  if (asked.empty()) return ctx.region;
  if (asked == default_region || !is_region_name(asked))
    return errors::invalid_location_constraint().with_field("LocationConstraint", asked);
  if (ctx.region != default_region && asked != ctx.region)
    return Error::aws("IllegalLocationConstraintException", 400,
                      "The " + asked +
                          " location constraint is incompatible for the region specific endpoint this request was "
                          "sent to.");
  return asked;
}

}  // namespace

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
Async<types::CreateBucketOutput> S3Service::create_bucket(const RequestContext& ctx,
                                                          const types::CreateBucketRequest& in) {
  if (!is_bucket_name(in.bucket)) co_return errors::invalid_bucket_name().with_field("BucketName", in.bucket);
  CO_TRY_DO(check_acl(in));
  if (in.object_ownership && *in.object_ownership != types::ObjectOwnership::BucketOwnerEnforced)
    co_return not_implemented("x-amz-object-ownership", "access control lists; buckets are BucketOwnerEnforced");
  if (in.object_lock_enabled_for_bucket.value_or(false))
    co_return not_implemented("x-amz-bucket-object-lock-enabled", "object lock");

  BucketRow bucket;
  CO_TRY(bucket.region, choose_region(ctx, in));
  bucket.name = in.bucket;
  bucket.account_id = ctx.account_id;
  bucket.created_ms = to_ms(clock_.now());
  if (in.create_bucket_configuration && in.create_bucket_configuration->tags) {
    CO_TRY(const Tags tags, tags_of(*in.create_bucket_configuration->tags, bucket_tag_count_max));
    bucket.tags = {tags.begin(), tags.end()};
  }

  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    const std::string row_key = keys::bucket(in.bucket);
    CO_TRY(const std::optional<std::string> bytes, co_await tx.get(row_key));
    if (bytes) {
      CO_TRY(const BucketRow existing, row::decode<BucketRow>(*bytes));
      if (existing.account_id != ctx.account_id)
        co_return errors::bucket_already_exists().with_field("BucketName", in.bucket);
      // AWS: in us-east-1 its owner may create a bucket again; nothing changes.
      if (existing.region == default_region && bucket.region == default_region) co_return ok;
      co_return errors::bucket_already_owned_by_you().with_field("BucketName", in.bucket);
    }
    tx.put(row_key, row::encode(bucket));
    tx.put(keys::owned_bucket(ctx.account_id, in.bucket), "");
    co_return ok;
  };
  Result<void> created = co_await transact(metadata_, body);
  if (!created) co_return to_s3_error(std::move(created).error());

  types::CreateBucketOutput out;
  out.location = "/" + in.bucket;
  out.bucket_arn = bucket_arn(in.bucket);
  co_return out;
}

template <>
void S3Service::offer<types::op::CreateBucket>(OperationTable& table) {
  table.serve<types::op::CreateBucket>(*this, &S3Service::create_bucket);
}

}  // namespace s3
}  // namespace hearth
