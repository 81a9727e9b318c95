#include <algorithm>

#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/names.h"
#include "services/s3/service.h"

namespace hearth {

// AWS: each key is judged by itself, and a refusal is reported as that key's.
template <>
struct AccessRule<api::s3::op::DeleteObjects> {
  static std::vector<Access> of(const RequestContext&, const api::s3::DeleteObjectsRequest& in) {
    std::vector<Access> accesses;
    for (const api::s3::ObjectIdentifier& object : in.delete_.objects) {
      accesses.push_back(
          s3::version_access("s3:DeleteObject", "s3:DeleteObjectVersion", in.bucket, object.key, object.version_id));
      accesses.back().is_decided_by_handler = true;
    }
    // Even who asks for nothing must be somebody who may delete something here.
    if (accesses.empty()) accesses.push_back({.action = "s3:DeleteObject", .resource = s3::object_arn(in.bucket, "*")});
    return accesses;
  }
};

namespace s3 {

namespace errors = api::s3::errors;

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
Async<types::DeleteObjectsOutput> S3Service::delete_objects(const RequestContext& ctx,
                                                            const types::DeleteObjectsRequest& in) {
  constexpr std::size_t object_count_max = 1000;
  if (in.delete_.objects.empty() || in.delete_.objects.size() > object_count_max) co_return errors::malformed_xml();

  const bool is_quiet = in.delete_.quiet.value_or(false);
  const std::uint64_t nonce = new_nonce();
  types::DeleteObjectsOutput out;
  const auto report = [&](const types::ObjectIdentifier& object, std::string code, std::string message) {
    if (!out.errors) out.errors.emplace();
    types::Error& refused = out.errors->emplace_back();
    refused.key = object.key;
    refused.version_id = object.version_id;
    refused.code = std::move(code);
    refused.message = std::move(message);
  };

  const std::vector<Access> accesses = AccessRule<api::s3::op::DeleteObjects>::of(ctx, in);
  std::vector<std::optional<Error>> denials;  // an entry's, none where it may go
  for (const Access& access : accesses) {
    CO_TRY(const Decision decision, co_await authorizer_.decide(ctx.caller, access, ctx.condition_context));
    denials.push_back(decision.allowed ? std::nullopt
                                       : std::optional(Authorizer::denial(ctx.caller, access, decision)));
  }

  // Who may delete none of them learns nothing of the bucket.
  if (std::ranges::all_of(denials, [](const auto& denial) { return denial.has_value(); })) {
    for (std::size_t i = 0; i < denials.size(); ++i)
      report(in.delete_.objects[i], "AccessDenied", denials[i]->message());
    co_return out;
  }

  // One commit for all; a key that cannot be deleted does not keep the others from going.
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    out = {};
    CO_TRY(const BucketRow bucket, co_await find_bucket(tx, in.bucket, in.expected_bucket_owner));
    for (std::size_t i = 0; i < in.delete_.objects.size(); ++i) {
      const types::ObjectIdentifier& object = in.delete_.objects[i];
      if (denials[i]) {
        report(object, "AccessDenied", denials[i]->message());
        continue;
      }
      const Result<DeleteResult> deleted = co_await delete_identified(tx, bucket, object, nonce + i);
      if (!deleted && deleted.error().kind() != ErrorKind::aws) co_return deleted.error();
      if (!deleted) {
        report(object, deleted.error().code(), deleted.error().message());
      } else if (!is_quiet) {
        if (!out.deleted) out.deleted.emplace();
        types::DeletedObject& gone = out.deleted->emplace_back();
        gone.key = object.key;
        gone.version_id = object.version_id;
        if (!deleted->is_delete_marker) continue;
        gone.delete_marker = true;
        if (deleted->version_id) gone.delete_marker_version_id = *deleted->version_id;
      }
    }
    co_return ok;
  };
  Result<void> committed = co_await transact(metadata_, body);
  if (!committed) co_return to_s3_error(std::move(committed).error());
  co_return out;
}

Async<S3Service::DeleteResult> S3Service::delete_identified(Transaction& tx, const BucketRow& bucket,
                                                            const types::ObjectIdentifier& object,
                                                            std::uint64_t nonce) {
  CO_TRY_DO(check_key(object.key));
  if (object.last_modified_time || object.size) co_return not_implemented("Size", "conditions of directory buckets");
  DeleteRequest request{.key = object.key, .if_match = object.e_tag};
  if (object.version_id) {
    CO_TRY(request.version, parse_version_id(*object.version_id));
  }
  co_return co_await delete_in(tx, bucket, request, nonce);
}

template <>
void S3Service::offer<types::op::DeleteObjects>(OperationTable& table) {
  table.serve<types::op::DeleteObjects>(*this, &S3Service::delete_objects);
}

}  // namespace s3
}  // namespace hearth
