#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/checksum_fields.h"
#include "services/s3/copying.h"
#include "services/s3/object_headers.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::CopyObject> {
  static std::vector<Access> of(const RequestContext&, const api::s3::CopyObjectRequest& in) {
    s3::Conditions conditions;
    conditions.add("s3:x-amz-acl", in.acl)
        .add("s3:x-amz-copy-source", wire::Opt<std::string>(in.copy_source))
        .add("s3:x-amz-metadata-directive", in.metadata_directive)
        .add("s3:x-amz-storage-class", in.storage_class)
        .add("s3:if-match", in.if_match)
        .add("s3:if-none-match", in.if_none_match);
    const Result<s3::Tags> tags = s3::parse_tagging_header(in.tagging.value_or(""));
    if (tags) conditions.add_request_tags(*tags);

    const std::string target = s3::object_arn(in.bucket, in.key);
    const ConditionContext context = conditions.take();
    std::vector<Access> accesses = {s3::copy_source_access(in.copy_source),
                                    {.action = "s3:PutObject", .resource = target, .context = context}};
    if (in.tagging) accesses.push_back({.action = "s3:PutObjectTagging", .resource = target, .context = context});
    return accesses;
  }
};

namespace s3 {
namespace {

namespace errors = api::s3::errors;

bool replaces(const wire::Opt<std::string>& directive) {
  return directive.value_or("COPY") == "REPLACE";
}

Result<void> check_directive(std::string_view name, const wire::Opt<std::string>& directive) {
  const std::string value = directive.value_or("COPY");
  if (value == "COPY" || value == "REPLACE") return ok;
  return invalid_argument("Unknown directive.", name, value);
}

}  // namespace

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
Async<types::CopyObjectOutput> S3Service::copy_object(const RequestContext&, const types::CopyObjectRequest& in) {
  CO_TRY_DO(check_key(in.key));
  CO_TRY_DO(check_acl(in));
  CO_TRY_DO(check_storage_options(in));
  CO_TRY_DO(check_directive("x-amz-metadata-directive", in.metadata_directive));
  CO_TRY_DO(check_directive("x-amz-tagging-directive", in.tagging_directive));
  CO_TRY_DO(check_supported({.if_match = in.if_match ? std::optional(*in.if_match) : std::nullopt,
                             .if_none_match = in.if_none_match ? std::optional(*in.if_none_match) : std::nullopt}));
  CO_TRY(const CopySource source, parse_copy_source(in.copy_source));
  CO_TRY(const ChecksumAlgorithm named, named_algorithm(in.checksum_algorithm));

  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const FoundObject original, co_await find_copy_source(*tx, source, in.expected_source_bucket_owner));
  const ObjectRow& row = original.version.row;
  CO_TRY_DO(require_copyable(copy_conditions(in), row.etag, row.last_modified_ms));
  if (row.size_bytes > put_bytes_max)
    co_return errors::invalid_request(
        "The specified copy source is larger than the maximum allowable size for a copy "
        "source: 5368709120");
  if (source.bucket == in.bucket && source.key == in.key && !source.version_id && !replaces(in.metadata_directive) &&
      !in.website_redirect_location)
    co_return errors::invalid_request(
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
        "metadata, storage class, website redirect location or encryption attributes.");

  ObjectToStore copy;
  copy.bucket = in.bucket;
  copy.key = in.key;
  copy.expected_owner = in.expected_bucket_owner;
  copy.if_match = in.if_match;
  copy.if_none_match = in.if_none_match;
  if (replaces(in.metadata_directive)) {
    CO_TRY(copy.headers, headers_of(in));
  } else {
    copy.headers = row.headers;
    copy.headers.website_redirect_location = in.website_redirect_location.value_or("");
  }
  copy.headers.tags = row.headers.tags;
  if (replaces(in.tagging_directive)) {
    CO_TRY(copy.headers.tags, parse_tagging_header(in.tagging.value_or("")));
  }
  {
    CO_TRY(const BucketRow target, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  }

  // AWS: keeps the source's algorithm unless told otherwise.
  BodyClaims claims;
  if (named != ChecksumAlgorithm::none)
    claims.algorithm = named;
  else if (row.checksum.algorithm != ChecksumAlgorithm::none)
    claims.algorithm = row.checksum.algorithm;
  const ChecksumAlgorithm algorithm = claims.algorithm;

  // A copy is one piece with an ETag and a checksum of its own, also when its source came in parts.
  CO_TRY(copy.body, co_await copy_in(*tx, source.key, original, std::nullopt, std::move(claims), inline_bytes_max));
  copy.checksum = {.algorithm = algorithm, .value = to_base64(copy.body.checksum)};
  CO_TRY(const StoredObject stored, co_await store_object(std::move(copy)));

  types::CopyObjectOutput out;
  types::CopyObjectResult& result = out.copy_object_result.emplace();
  result.e_tag = quote(stored.version.row.etag);
  result.last_modified = wire::Timestamp(stored.version.row.last_modified_ms);
  write_checksum(result, stored.version.row.checksum);
  if (original.bucket.versioning != Versioning::never) out.copy_source_version_id = original.version.version_id();
  if (stored.bucket.versioning != Versioning::never) out.version_id = stored.version.version_id();
  co_return out;
}

Async<FoundObject> S3Service::find_copy_source(Transaction& tx, const CopySource& source,
                                               const wire::Opt<std::string>& expected_owner) {
  wire::Opt<std::string> version_id;
  if (source.version_id) version_id = *source.version_id;
  Result<FoundObject> found = co_await find_object(tx, source.bucket, source.key, version_id, expected_owner);
  // AWS: what is wrong is the request, not the method.
  if (!found && found.error().code() == "MethodNotAllowed")
    co_return errors::invalid_request(
        "The source of a copy request may not specifically refer to a delete marker by "
        "version id.");
  co_return found;
}

// Where nothing new is to be computed, the engine may copy a whole blob inside the kernel.
Async<IncomingBody> S3Service::copy_in(Transaction& tx, const std::string& key, const FoundObject& source,
                                       std::optional<ByteRange> range, BodyClaims claims, std::size_t inline_limit) {
  const ObjectRow& row = source.version.row;
  StringSource nothing("");
  if (row.size_bytes == 0) co_return co_await take_in(blobs_, pool_, nothing, std::move(claims), inline_limit);

  const ByteRange whole{0, row.size_bytes - 1};
  Result<std::unique_ptr<ByteSource>> body = co_await open_body(tx, key, source, range.value_or(whole));
  if (!body && body.error().kind() == ErrorKind::not_found)
    co_return errors::operation_aborted("The source of the copy was replaced while it was being read. Try again.");
  if (!body) co_return to_s3_error(std::move(body).error());

  const std::optional<std::string> digest = from_base64(row.checksum.value);
  const bool is_known = row.content == ContentKind::blob && !range && digest &&
                        row.checksum.algorithm == claims.algorithm && row.checksum.type == ChecksumType::full_object &&
                        row.part_count == 0;
  if (!is_known) co_return co_await take_in(blobs_, pool_, **body, std::move(claims), inline_limit);

  Result<BlobInfo> stored = co_await blobs_.put(**body);
  if (!stored) co_return to_s3_error(std::move(stored).error());
  IncomingBody copied;
  copied.size_bytes = row.size_bytes;
  copied.md5 = from_hex(row.etag).value_or("");
  copied.checksum = *digest;
  copied.blob = std::move(stored->id);
  co_return copied;
}

template <>
void S3Service::offer<types::op::CopyObject>(OperationTable& table) {
  table.serve<types::op::CopyObject>(*this, &S3Service::copy_object);
}

}  // namespace s3
}  // namespace hearth
