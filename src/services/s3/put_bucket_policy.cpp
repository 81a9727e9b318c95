#include <boost/json.hpp>

#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/names.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::PutBucketPolicy> {
  static Access of(const RequestContext&, const api::s3::PutBucketPolicyRequest& in) {
    return {.action = "s3:PutBucketPolicy", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {
namespace {

namespace errors = api::s3::errors;
namespace json = boost::json;

// AWS: a bucket's policy may speak of that bucket and its objects only.
Result<void> check_resources(const json::value& resources, const std::string& bucket) {
  const auto check_one = [&](const json::value& resource) {
    if (!resource.is_string()) return false;
    const std::string_view text(resource.get_string().data(), resource.get_string().size());
    const std::string arn = bucket_arn(bucket);
    return text == arn || text.starts_with(arn + "/") || text == arn + "*";
  };
  bool is_good = true;
  if (resources.is_array()) {
    for (const json::value& resource : resources.get_array()) is_good = is_good && check_one(resource);
  } else {
    is_good = check_one(resources);
  }
  if (!is_good) return errors::malformed_policy("Policy has invalid resource");
  return ok;
}

Result<void> check_statement(const json::value& statement, const std::string& bucket) {
  if (!statement.is_object())
    return errors::malformed_policy("Policies must be valid JSON and the first byte must be '{'");
  const json::object& members = statement.get_object();
  for (const std::string_view name : {"Resource", "NotResource"})
    if (const json::value* resources = members.if_contains(name)) TRY_DO(check_resources(*resources, bucket));
  return ok;
}

Result<void> check_policy(std::string_view document, const std::string& bucket) {
  boost::system::error_code not_json;
  const json::value policy = json::parse(document, not_json);
  if (not_json || !policy.is_object())
    return errors::malformed_policy("Policies must be valid JSON and the first byte must be '{'");
  const json::value* statements = policy.get_object().if_contains("Statement");
  if (!statements) return errors::malformed_policy("Missing required field Statement");
  if (!statements->is_array()) return check_statement(*statements, bucket);
  for (const json::value& statement : statements->get_array()) TRY_DO(check_statement(statement, bucket));
  return ok;
}

}  // namespace

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
Async<wire::Unit> S3Service::put_bucket_policy(const RequestContext&, const types::PutBucketPolicyRequest& in) {
  constexpr std::size_t policy_bytes_max = 20 << 10;
  if (in.policy.size() > policy_bytes_max)
    co_return errors::malformed_policy("Bucket policies are limited to 20 KB in size");
  const Result<void> checked = authorizer_.check_resource_policy(in.policy);
  if (!checked) co_return errors::malformed_policy(checked.error().message());
  CO_TRY_DO(check_policy(in.policy, in.bucket));

  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const BucketRow bucket, co_await find_bucket(tx, in.bucket, in.expected_bucket_owner));
    tx.put(keys::policy(in.bucket), in.policy);
    co_return ok;
  };
  Result<void> stored = co_await transact(metadata_, body);
  if (!stored) co_return to_s3_error(std::move(stored).error());
  co_return wire::Unit();
}

template <>
void S3Service::offer<types::op::PutBucketPolicy>(OperationTable& table) {
  table.serve<types::op::PutBucketPolicy>(*this, &S3Service::put_bucket_policy);
}

}  // namespace s3
}  // namespace hearth
