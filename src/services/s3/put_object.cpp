#include "services/s3/access.h"
#include "services/s3/checksum_fields.h"
#include "services/s3/object_headers.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::PutObject> {
  static std::vector<Access> of(const RequestContext&, const api::s3::PutObjectRequest& in) {
    s3::Conditions conditions;
    conditions.add("s3:x-amz-acl", in.acl)
        .add("s3:x-amz-storage-class", in.storage_class)
        .add("s3:x-amz-server-side-encryption", in.server_side_encryption)
        .add("s3:if-match", in.if_match)
        .add("s3:if-none-match", in.if_none_match);
    // A header that is not a tag set is refused by the handler, whoever sends it.
    const Result<s3::Tags> tags = s3::parse_tagging_header(in.tagging.value_or(""));
    if (tags) conditions.add_request_tags(*tags);

    const std::string resource = s3::object_arn(in.bucket, in.key);
    const ConditionContext context = conditions.take();
    std::vector<Access> accesses = {{.action = "s3:PutObject", .resource = resource, .context = context}};
    if (in.tagging) accesses.push_back({.action = "s3:PutObjectTagging", .resource = resource, .context = context});
    return accesses;
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
Async<types::PutObjectOutput> S3Service::put_object(const RequestContext&, types::PutObjectRequest& in) {
  CO_TRY_DO(check_key(in.key));
  CO_TRY_DO(check_acl(in));
  CO_TRY_DO(check_storage_options(in));
  if (in.write_offset_bytes)
    co_return not_implemented("x-amz-write-offset-bytes", "appending; only directory buckets do");
  CO_TRY_DO(check_supported({.if_match = in.if_match ? std::optional(*in.if_match) : std::nullopt,
                             .if_none_match = in.if_none_match ? std::optional(*in.if_none_match) : std::nullopt}));
  CO_TRY(BodyClaims claims, claims_of(in, ChecksumAlgorithm::crc64nvme));
  const ChecksumAlgorithm algorithm = claims.algorithm;

  ObjectToStore object;
  object.bucket = in.bucket;
  object.key = in.key;
  object.expected_owner = in.expected_bucket_owner;
  object.if_match = in.if_match;
  object.if_none_match = in.if_none_match;
  CO_TRY(object.headers, headers_of(in));
  CO_TRY(object.headers.tags, parse_tagging_header(in.tagging.value_or("")));

  // Before the body: nobody should upload gigabytes to learn that the bucket is not there.
  {
    const std::unique_ptr<Transaction> tx = metadata_.begin();
    CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  }
  StringSource no_body("");
  ByteSource& source = in.body ? *in.body : no_body;
  CO_TRY(object.body, co_await take_in(blobs_, pool_, source, std::move(claims)));
  object.checksum = {.algorithm = algorithm, .value = to_base64(object.body.checksum)};
  CO_TRY(const StoredObject stored, co_await store_object(std::move(object)));

  types::PutObjectOutput out;
  out.e_tag = quote(stored.version.row.etag);
  write_checksum(out, stored.version.row.checksum);
  // AWS: only buckets that have versioning speak of versions.
  if (stored.bucket.versioning != Versioning::never) out.version_id = stored.version.version_id();
  co_return out;
}

template <>
void S3Service::offer<types::op::PutObject>(OperationTable& table) {
  table.serve<types::op::PutObject>(*this, &S3Service::put_object);
}

}  // namespace s3
}  // namespace hearth
