#include "services/s3/service.h"

#include <algorithm>
#include <cstring>

#include "api/s3/errors.h"
#include "base/log.h"
#include "base/row.h"
#include "services/s3/names.h"
#include "services/s3/stored_body.h"
#include "services/s3/versions.h"

namespace hearth::s3 {

namespace errors = api::s3::errors;

Async<BucketRow> S3Service::find_bucket(Transaction& tx, std::string_view name,
                                        const wire::Opt<std::string>& expected_owner) {
  const std::string row_key = keys::bucket(name);
  CO_TRY(const std::optional<std::string> bytes, co_await tx.get(row_key));
  if (!bytes) co_return no_such_bucket(name);
  CO_TRY(BucketRow bucket, row::decode<BucketRow>(*bytes));
  if (expected_owner && *expected_owner != bucket.account_id) co_return errors::access_denied();
  co_return bucket;
}

Async<void> S3Service::change_bucket(std::string_view name, const wire::Opt<std::string>& expected_owner,
                                     const std::function<void(BucketRow&)>& change) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(BucketRow bucket, co_await find_bucket(tx, name, expected_owner));
    change(bucket);
    tx.put(keys::bucket(name), row::encode(bucket));
    co_return ok;
  };
  Result<void> changed = co_await transact(metadata_, body);
  if (!changed) co_return to_s3_error(std::move(changed).error());
  co_return ok;
}

Async<FoundObject> S3Service::find_object(Transaction& tx, std::string_view bucket, std::string_view key,
                                          const wire::Opt<std::string>& version_id,
                                          const wire::Opt<std::string>& expected_owner) {
  CO_TRY_DO(check_key(key));
  FoundObject found;
  CO_TRY(found.bucket, co_await find_bucket(tx, bucket, expected_owner));

  if (!version_id) {
    CO_TRY(std::optional<StoredVersion> newest, co_await find_newest(tx, bucket, key));
    if (!newest) co_return no_such_key(key);
    // AWS: a delete marker answers like a missing key, and says so in headers.
    if (newest->row.is_delete_marker)
      co_return no_such_key(key)
          .with_field("x-amz-delete-marker", "true")
          .with_field("x-amz-version-id", newest->version_id());
    found.version = *std::move(newest);
    co_return found;
  }

  CO_TRY(const VersionId id, parse_version_id(*version_id));
  CO_TRY(std::optional<StoredVersion> version, co_await find_version(tx, bucket, key, id));
  if (!version)
    co_return errors::no_such_version().with_field("Key", std::string(key)).with_field("VersionId", *version_id);
  if (version->row.is_delete_marker)
    co_return errors::method_not_allowed()
        .with_field("Method", "GET")
        .with_field("ResourceType", "DeleteMarker")
        .with_field("x-amz-delete-marker", "true")
        .with_field("x-amz-version-id", version->version_id())
        .with_field("Allow", "DELETE")
        .with_field("Last-Modified", format_http_date(from_ms(version->row.last_modified_ms)));
  found.version = *std::move(version);
  co_return found;
}

Async<std::vector<PartContent>> S3Service::parts_of(Transaction& tx, std::string_view key, const FoundObject& object) {
  const std::string content_key = keys::content(object.bucket.name, key, object.version.sequence);
  CO_TRY(const std::optional<std::string> bytes, co_await tx.get(content_key));
  if (!bytes) co_return Error(ErrorKind::corrupt, "internal error", "an object's list of parts is missing");
  co_return decode_parts(*bytes);
}

Async<std::unique_ptr<ByteSource>> S3Service::open_body(Transaction& tx, std::string_view key,
                                                        const FoundObject& object, ByteRange range) {
  const ObjectRow& row = object.version.row;
  switch (row.content) {
    case ContentKind::empty:
      break;
    case ContentKind::blob:
      co_return co_await blobs_.open(row.blob, range);
    case ContentKind::parts: {
      CO_TRY(std::vector<PartContent> parts, co_await parts_of(tx, key, object));
      co_return co_await open_parts(blobs_, std::move(parts), range);
    }
    case ContentKind::inline_bytes: {
      const std::string content_key = keys::content(object.bucket.name, key, object.version.sequence);
      CO_TRY(std::optional<std::string> bytes, co_await tx.get(content_key));
      if (!bytes || bytes->size() <= range.last)
        co_return Error(ErrorKind::corrupt, "internal error", "an object's bytes are missing");
      if (range.length() != bytes->size()) bytes = bytes->substr(range.first, range.length());
      co_return std::make_unique<StringSource>(*std::move(bytes));
    }
  }
  co_return std::make_unique<StringSource>("");
}

Async<S3Service::StoredObject> S3Service::store_object(ObjectToStore object) {
  const WriteConditions conditions{
      .if_match = object.if_match ? std::optional(*object.if_match) : std::nullopt,
      .if_none_match = object.if_none_match ? std::optional(*object.if_none_match) : std::nullopt};
  const std::uint64_t nonce = new_nonce();
  const TimePoint now = clock_.now();

  NewVersion incoming;
  ObjectRow& row = incoming.row;
  row.last_modified_ms = to_ms(now);
  row.size_bytes = object.body.size_bytes;
  row.etag = to_hex(object.body.md5);
  row.checksum = std::move(object.checksum);
  row.headers = std::move(object.headers);
  if (object.body.blob) {
    row.content = ContentKind::blob;
    row.blob = *object.body.blob;
  } else if (!object.body.bytes.empty()) {
    row.content = ContentKind::inline_bytes;
    incoming.content = std::move(object.body.bytes);
  }

  StoredObject stored;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(stored.bucket, co_await find_bucket(tx, object.bucket, object.expected_owner));
    CO_TRY_DO(co_await require_writable_in(tx, object.bucket, object.key, conditions));
    if (row.content == ContentKind::blob) claim_blob(tx, row.blob);
    NewVersion version = incoming;
    CO_TRY(stored.version, co_await place_version(tx, stored.bucket, object.key, std::move(version), now, nonce));
    co_return ok;
  };
  Result<void> committed = co_await transact(metadata_, body);
  if (!committed) {
    CO_TRY_DO(co_await discard(object.body.blob));
    co_return to_s3_error(std::move(committed).error());
  }
  co_return stored;
}

Async<void> S3Service::require_writable_in(Transaction& tx, std::string_view bucket, std::string_view key,
                                           const WriteConditions& conditions) {
  if (!conditions.if_match && !conditions.if_none_match) co_return ok;
  CO_TRY(const std::optional<StoredVersion> newest, co_await find_newest(tx, bucket, key));
  std::optional<std::string> etag;
  if (newest && !newest->row.is_delete_marker) etag = newest->row.etag;
  co_return require_writable(conditions, key, etag);
}

// Failing to remove it changes nothing for the client: the sweep finds it.
Async<void> S3Service::discard(const std::optional<BlobId>& blob) {
  if (blob) {
    const Result<void> removed = co_await blobs_.remove(*blob);
    if (!removed) log::warning("a blob nobody needs stays until the sweep", {{"why", removed.error().detail()}});
  }
  co_return ok;
}

std::uint64_t S3Service::new_nonce() {
  std::uint64_t nonce;
  const std::string bytes = ids_.random_bytes(sizeof nonce);
  std::memcpy(&nonce, bytes.data(), sizeof nonce);
  return nonce;
}

ResourcePolicySource S3Service::resource_policies() {
  return [this](const std::string& resource_arn) -> Async<ResourcePolicy> { return resource_policy(resource_arn); };
}

Async<ResourcePolicy> S3Service::resource_policy(std::string resource_arn) {
  constexpr std::string_view arn_prefix = "arn:aws:s3:::";
  std::string name = resource_arn.substr(std::min(arn_prefix.size(), resource_arn.size()));
  name.resize(std::min(name.find('/'), name.size()));

  ResourcePolicy policy;
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  const Result<BucketRow> bucket = co_await find_bucket(*tx, name);
  if (!bucket && bucket.error().code() == "NoSuchBucket") co_return policy;
  if (!bucket) co_return bucket.error();
  policy.owner_account_id = bucket->account_id;
  const std::string policy_key = keys::policy(name);
  CO_TRY(std::optional<std::string> document, co_await tx->get(policy_key));
  policy.document = document.value_or("");
  co_return policy;
}

ResourceTagSource S3Service::resource_tags() {
  return [this](const Principal&, const Access& access) -> Async<ConditionContext> {
    const auto version = access.context.find("s3:versionid");
    return object_tags(access.action, access.resource,
                       version == access.context.end() ? std::string() : version->second.front());
  };
}

// AWS: s3:ExistingObjectTag/KEY is there for what reads an object or touches its tags; who overwrites or deletes one is
// not asked for its tags. Tags of buckets are no condition unless a bucket's ABAC was switched on (PutBucketAbac),
// which is not served. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
Async<ConditionContext> S3Service::object_tags(std::string action, std::string resource_arn, std::string version_id) {
  constexpr std::string_view with_tags[] = {
      "s3:GetObject",        "s3:GetObjectVersion",        "s3:GetObjectAttributes", "s3:GetObjectVersionAttributes",
      "s3:GetObjectAcl",     "s3:GetObjectVersionAcl",     "s3:GetObjectTagging",    "s3:GetObjectVersionTagging",
      "s3:PutObjectTagging", "s3:PutObjectVersionTagging", "s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging",
  };
  constexpr std::string_view arn_prefix = "arn:aws:s3:::";
  const std::size_t slash = resource_arn.find('/');
  ConditionContext context;
  if (std::ranges::find(with_tags, action) == std::end(with_tags) || slash == std::string::npos) co_return context;
  const std::string bucket = resource_arn.substr(arn_prefix.size(), slash - arn_prefix.size());
  const std::string key = resource_arn.substr(slash + 1);
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  std::optional<StoredVersion> version;
  if (version_id.empty()) {
    CO_TRY(version, co_await find_newest(*tx, bucket, key));
  } else if (const Result<VersionId> id = parse_version_id(version_id)) {
    CO_TRY(version, co_await find_version(*tx, bucket, key, *id));
  }
  if (!version) co_return context;
  for (const auto& [tag_key, value] : version->row.headers.tags)
    context["s3:existingobjecttag/" + to_lower(tag_key)].push_back(value);
  co_return context;
}

Async<void> S3Service::put_object(std::string_view account_id, std::string_view bucket, std::string_view key,
                                  std::string body, std::string_view content_type) {
  ObjectToStore object;
  object.bucket = bucket;
  object.key = key;
  object.expected_owner = std::string(account_id);
  object.headers.content_type = content_type;
  CO_TRY_DO(check_key(key));

  StringSource source(std::move(body));
  CO_TRY(object.body, co_await take_in(blobs_, pool_, source, BodyClaims()));
  object.checksum = {.algorithm = ChecksumAlgorithm::crc64nvme, .value = to_base64(object.body.checksum)};
  const Result<StoredObject> stored = co_await store_object(std::move(object));
  if (stored) co_return ok;
  // Who has no such bucket is not told that another account does.
  if (stored.error().code() == "NoSuchBucket" || stored.error().code() == "AccessDenied")
    co_return Error(ErrorKind::not_found, "there is no bucket " + std::string(bucket) + " in this account");
  co_return stored.error();
}

}  // namespace hearth::s3
