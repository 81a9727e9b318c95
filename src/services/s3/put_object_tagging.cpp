#include "services/s3/access.h"
#include "services/s3/object_headers.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::PutObjectTagging> {
  static Access of(const RequestContext&, const api::s3::PutObjectTaggingRequest& in) {
    s3::Tags tags;
    for (const api::s3::Tag& tag : in.tagging.tag_set) tags.emplace_back(tag.key, tag.value);
    return {.action = in.version_id ? "s3:PutObjectVersionTagging" : "s3:PutObjectTagging",
            .resource = s3::object_arn(in.bucket, in.key),
            .context = s3::Conditions().add("s3:versionid", in.version_id).add_request_tags(tags).take()};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html
Async<types::PutObjectTaggingOutput> S3Service::put_object_tagging(const RequestContext&,
                                                                   const types::PutObjectTaggingRequest& in) {
  CO_TRY(const Tags tags, tags_of(in.tagging.tag_set, object_tag_count_max));
  CO_TRY(const FoundObject object,
         co_await replace_tags(in.bucket, in.key, in.version_id, in.expected_bucket_owner, tags));
  types::PutObjectTaggingOutput out;
  if (object.bucket.versioning != Versioning::never) out.version_id = object.version.version_id();
  co_return out;
}

Async<FoundObject> S3Service::replace_tags(const std::string& bucket, const std::string& key,
                                           const wire::Opt<std::string>& version_id,
                                           const wire::Opt<std::string>& expected_owner, const Tags& tags) {
  FoundObject object;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(object, co_await find_object(tx, bucket, key, version_id, expected_owner));
    object.version.row.headers.tags = tags;
    tx.put(keys::object(bucket, key, object.version.sequence), encode(object.version.row));
    co_return ok;
  };
  Result<void> committed = co_await transact(metadata_, body);
  if (!committed) co_return to_s3_error(std::move(committed).error());
  co_return object;
}

template <>
void S3Service::offer<types::op::PutObjectTagging>(OperationTable& table) {
  table.serve<types::op::PutObjectTagging>(*this, &S3Service::put_object_tagging);
}

}  // namespace s3
}  // namespace hearth
