// What requests say about an object besides its bytes, checked, and said again in answers. Templates, because the
// generated structures share members and nothing else.
#pragma once

#include <string>

#include "api/s3/errors.h"
#include "api/s3/types.h"
#include "services/s3/names.h"
#include "services/s3/rows.h"

namespace hearth::s3 {

inline constexpr std::size_t object_tag_count_max = 10;
inline constexpr std::size_t bucket_tag_count_max = 50;

inline Result<Tags> tags_of(const std::vector<api::s3::Tag>& tag_set, std::size_t count_max) {
  Tags tags;
  for (const api::s3::Tag& tag : tag_set) tags.emplace_back(tag.key, tag.value);
  TRY_DO(check_tags(tags, count_max));
  return tags;
}

template <class Pairs>
std::vector<api::s3::Tag> to_tag_set(const Pairs& tags) {
  std::vector<api::s3::Tag> tag_set;
  for (const auto& [key, value] : tags) tag_set.push_back({.key = key, .value = value});
  return tag_set;
}

// Buckets are BucketOwnerEnforced, as AWS makes them: access control lists are off, and only the two ACLs that say what
// is so anyway are accepted.
template <class In>
Result<void> check_acl(const In& in) {
  const bool has_grant = in.grant_full_control || in.grant_read || in.grant_read_acp || in.grant_write_acp;
  const std::string acl = in.acl.value_or("private");
  if (!has_grant && (acl == "private" || acl == "bucket-owner-full-control")) return ok;
  return Error::aws("AccessControlListNotSupported", 400, "The bucket does not allow ACLs");
}

// Storage classes, encryption and locks that we do not serve are refused, never ignored.
template <class In>
Result<void> check_storage_options(const In& in) {
  if (in.storage_class && *in.storage_class != api::s3::StorageClass::STANDARD)
    return api::s3::errors::invalid_storage_class().with_field("StorageClassRequested", *in.storage_class);
  if (in.server_side_encryption)
    return not_implemented("x-amz-server-side-encryption", "encryption by the server; objects are stored as they are");
  if (in.sse_customer_algorithm)
    return not_implemented("x-amz-server-side-encryption-customer-algorithm", "encryption with the client's keys");
  if (in.object_lock_mode || in.object_lock_retain_until_date || in.object_lock_legal_hold_status)
    return api::s3::errors::invalid_request("Bucket is missing Object Lock Configuration");
  return ok;
}

// Headers and metadata; tags are read apart.
template <class In>
Result<ObjectHeaders> headers_of(const In& in) {
  ObjectHeaders headers;
  headers.content_type = in.content_type.value_or("");
  headers.cache_control = in.cache_control.value_or("");
  headers.content_disposition = in.content_disposition.value_or("");
  headers.content_encoding = without_aws_chunked(in.content_encoding.value_or(""));
  headers.content_language = in.content_language.value_or("");
  headers.expires = in.expires.value_or("");
  headers.website_redirect_location = in.website_redirect_location.value_or("");
  if (!in.metadata) return headers;

  constexpr std::size_t metadata_bytes_max = 2048;
  std::size_t metadata_bytes = 0;
  for (const auto& [name, value] : *in.metadata) {
    metadata_bytes += name.size() + value.size();
    headers.metadata.emplace_back(to_lower(name), value);
  }
  if (metadata_bytes > metadata_bytes_max)
    return api::s3::errors::metadata_too_large()
        .with_field("Size", std::to_string(metadata_bytes))
        .with_field("MaxSizeAllowed", std::to_string(metadata_bytes_max));
  return headers;
}

// GetObjectOutput and HeadObjectOutput.
template <class Out>
void write_headers(Out& out, const ObjectHeaders& headers) {
  const auto say = [](wire::Opt<std::string>& member, const std::string& value) {
    if (!value.empty()) member = value;
  };
  out.content_type = headers.content_type.empty() ? "binary/octet-stream" : headers.content_type;
  say(out.cache_control, headers.cache_control);
  say(out.content_disposition, headers.content_disposition);
  say(out.content_encoding, headers.content_encoding);
  say(out.content_language, headers.content_language);
  say(out.expires, headers.expires);
  say(out.website_redirect_location, headers.website_redirect_location);
  if (!headers.metadata.empty()) {
    auto& metadata = out.metadata.emplace().items;
    for (const auto& [name, value] : headers.metadata) metadata.emplace_back(name, mail_safe(value));
  }
  if (!headers.tags.empty()) out.tag_count = static_cast<std::int32_t>(headers.tags.size());
}

}  // namespace hearth::s3
