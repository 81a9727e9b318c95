#include "services/s3/access.h"
#include "services/s3/listing_output.h"
#include "services/s3/names.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::ListObjectVersions> {
  static Access of(const RequestContext&, const api::s3::ListObjectVersionsRequest& in) {
    return {.action = "s3:ListBucketVersions",
            .resource = s3::bucket_arn(in.bucket),
            .context = s3::list_conditions(in.prefix, in.delimiter, in.max_keys)};
  }
};

namespace s3 {
namespace {

// Where the page begins: after one version of the marker's key, or after the whole key.
Async<std::string> first_row(Transaction& tx, std::string_view rows, const types::ListObjectVersionsRequest& in) {
  const std::string marker = in.key_marker.value_or("");
  if (!in.version_id_marker || in.version_id_marker->empty())
    co_return begin_after(rows, in.prefix.value_or(""), in.delimiter.value_or(""), marker);
  if (marker.empty())
    co_return invalid_argument("A version-id marker cannot be specified without a key marker.", "version-id-marker",
                               *in.version_id_marker);
  CO_TRY(VersionId id, parse_version_id(*in.version_id_marker));
  if (id.is_null) {
    CO_TRY(const std::optional<StoredVersion> null_version, co_await find_version(tx, in.bucket, marker, id));
    if (!null_version) co_return keys::after_key(rows, marker);
    id.sequence = null_version->sequence;
  }
  co_return keys::object(in.bucket, marker, id.sequence) + '\0';
}

}  // namespace

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
Async<types::ListObjectVersionsOutput> S3Service::list_object_versions(const RequestContext&,
                                                                       const types::ListObjectVersionsRequest& in) {
  CO_TRY(const std::size_t limit, entry_limit("max-keys", in.max_keys));
  CO_TRY(const TextEncoding encoded, TextEncoding::parse(in.encoding_type));
  const std::unique_ptr<Transaction> tx = metadata_.begin();
  CO_TRY(const BucketRow bucket, co_await find_bucket(*tx, in.bucket, in.expected_bucket_owner));
  const std::string prefix = in.prefix.value_or("");
  const std::string delimiter = in.delimiter.value_or("");
  const std::string rows = keys::objects(in.bucket);

  types::ListObjectVersionsOutput out;
  out.name = in.bucket;
  out.prefix = encoded(prefix);
  out.delimiter = encoded.if_given(in.delimiter);
  out.key_marker = encoded(in.key_marker.value_or(""));
  out.version_id_marker = in.version_id_marker.value_or("");
  out.max_keys = static_cast<std::int32_t>(limit);
  out.encoding_type = in.encoding_type;
  out.is_truncated = false;
  if (limit == 0) co_return out;

  const types::Owner owner = owner_of(bucket.account_id);
  CO_TRY(std::string begin, co_await first_row(*tx, rows, in));
  begin = std::max(std::move(begin), keys::starting_with(rows, prefix));
  RowWalk walk(*tx, {std::move(begin), keys::end_of_prefix(rows, prefix)});

  std::size_t count = 0;
  // The newest version of the marker's key was on the page before, if this one begins in the middle of the key.
  std::string key_before = in.version_id_marker ? in.key_marker.value_or("") : "";
  std::vector<std::string> groups;
  for (;;) {
    CO_TRY(const KeyValue* stored, co_await walk.next());
    if (!stored) break;
    if (count == limit) {
      out.is_truncated = true;
      break;
    }
    const keys::ObjectKey at = keys::read_object(stored->key, rows.size());
    ++count;
    if (std::optional<std::string> group = common_prefix(at.key, prefix, delimiter)) {
      walk.leap_to(keys::end_of_prefix(rows, *group));
      out.next_key_marker = encoded(*group);
      out.next_version_id_marker.reset();
      groups.push_back(*std::move(group));
      continue;
    }
    StoredVersion version{.sequence = at.sequence};
    CO_TRY(version.row, decode_object(stored->value));
    const auto write_entry = [&](auto& entries) {
      if (!entries) entries.emplace();
      auto& entry = entries->emplace_back();
      entry.key = encoded(at.key);
      entry.version_id = version.version_id();
      entry.is_latest = at.key != key_before;
      entry.last_modified = wire::Timestamp(version.row.last_modified_ms);
      entry.owner = owner;
    };
    if (version.row.is_delete_marker) {
      write_entry(out.delete_markers);
    } else {
      write_entry(out.versions);
      write_stored_object(out.versions->back(), version.row);
    }
    key_before = at.key;
    out.next_key_marker = encoded(at.key);
    out.next_version_id_marker = version.version_id();
  }
  out.common_prefixes = to_common_prefixes(groups, encoded);
  if (!*out.is_truncated) {
    out.next_key_marker.reset();
    out.next_version_id_marker.reset();
  }
  co_return out;
}

template <>
void S3Service::offer<types::op::ListObjectVersions>(OperationTable& table) {
  table.serve<types::op::ListObjectVersions>(*this, &S3Service::list_object_versions);
}

}  // namespace s3
}  // namespace hearth
