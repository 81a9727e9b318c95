#include "services/s3/access.h"
#include "services/s3/listing_output.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::ListMultipartUploads> {
  static Access of(const RequestContext&, const api::s3::ListMultipartUploadsRequest& in) {
    return {.action = "s3:ListBucketMultipartUploads", .resource = s3::bucket_arn(in.bucket)};
  }
};

namespace s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
Async<types::ListMultipartUploadsOutput> S3Service::list_multipart_uploads(
    const RequestContext&, const types::ListMultipartUploadsRequest& in) {
  CO_TRY(const std::size_t limit, entry_limit("max-uploads", in.max_uploads));
  CO_TRY(const TextEncoding encoded, TextEncoding::parse(in.encoding_type));
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  const std::string prefix = in.prefix.value_or("");
  const std::string delimiter = in.delimiter.value_or("");
  const std::string key_marker = in.key_marker.value_or("");
  // AWS: an upload-id marker without a key marker is ignored.
  const std::string upload_id_marker = key_marker.empty() ? "" : in.upload_id_marker.value_or("");
  const std::string rows = keys::uploads(in.bucket);

  types::ListMultipartUploadsOutput out;
  out.bucket = in.bucket;
  out.prefix = encoded(prefix);
  out.delimiter = encoded.if_given(in.delimiter);
  out.key_marker = encoded(key_marker);
  out.upload_id_marker = upload_id_marker;
  out.max_uploads = static_cast<std::int32_t>(limit);
  out.encoding_type = in.encoding_type;
  out.is_truncated = false;
  if (limit == 0) co_return out;

  std::string begin = begin_after(rows, prefix, delimiter, key_marker);
  if (!upload_id_marker.empty())
    begin = std::max(keys::starting_with(rows, prefix), keys::upload(in.bucket, key_marker, upload_id_marker) + '\0');
  RowWalk walk(*tx, {std::move(begin), keys::end_of_prefix(rows, prefix)});
  const types::Owner owner = owner_of(bucket.account_id);
  std::vector<std::string> groups;
  std::size_t count = 0;
  for (;;) {
    CO_TRY(const KeyValue* stored, co_await walk.next());
    if (!stored) break;
    if (count++ == limit) {
      out.is_truncated = true;
      break;
    }
    const keys::UploadKey at = keys::read_upload(stored->key, rows.size());
    if (std::optional<std::string> group = common_prefix(at.key, prefix, delimiter)) {
      walk.leap_to(keys::end_of_prefix(rows, *group));
      out.next_key_marker = encoded(*group);
      out.next_upload_id_marker.reset();
      groups.push_back(*std::move(group));
      continue;
    }
    CO_TRY(const UploadRow upload, decode_upload(stored->value));
    if (!out.uploads) out.uploads.emplace();
    types::MultipartUpload& listed = out.uploads->emplace_back();
    listed.key = encoded(at.key);
    listed.upload_id = at.upload_id;
    listed.initiated = wire::Timestamp(upload.initiated_ms);
    listed.storage_class = std::string(types::StorageClass::STANDARD);
    listed.owner = owner;
    types::Initiator& initiator = listed.initiator.emplace();
    initiator.id = upload.initiator_id;
    if (!upload.initiator_name.empty()) initiator.display_name = upload.initiator_name;
    if (upload.client_chose_checksum) {
      listed.checksum_algorithm = std::string(to_string(upload.checksum_algorithm));
      listed.checksum_type = std::string(to_string(upload.checksum_type));
    }
    out.next_key_marker = *listed.key;
    out.next_upload_id_marker = at.upload_id;
  }
  out.common_prefixes = to_common_prefixes(groups, encoded);
  if (!*out.is_truncated) {
    out.next_key_marker.reset();
    out.next_upload_id_marker.reset();
  }
  co_return out;
}

template <>
void S3Service::offer<types::op::ListMultipartUploads>(OperationTable& table) {
  table.serve<types::op::ListMultipartUploads>(*this, &S3Service::list_multipart_uploads);
}

}  // namespace s3
}  // namespace hearth
