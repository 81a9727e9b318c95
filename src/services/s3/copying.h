// What CopyObject and UploadPartCopy share.
#pragma once

#include "services/s3/access.h"
#include "services/s3/preconditions.h"
#include "services/s3/text.h"

namespace hearth::s3 {

// The right to read the source. One that cannot be parsed is refused by the handler, whoever sends it.
inline Access copy_source_access(const std::string& header) {
  const Result<CopySource> source = parse_copy_source(header);
  if (!source) return {.action = "s3:GetObject", .resource = "arn:aws:s3:::*"};
  wire::Opt<std::string> version_id;
  if (source->version_id) version_id = *source->version_id;
  return version_access("s3:GetObject", "s3:GetObjectVersion", source->bucket, source->key, version_id);
}

template <class In>
ReadConditions copy_conditions(const In& in) {
  ReadConditions conditions;
  if (in.copy_source_if_match) conditions.if_match = *in.copy_source_if_match;
  if (in.copy_source_if_none_match) conditions.if_none_match = *in.copy_source_if_none_match;
  if (in.copy_source_if_modified_since) conditions.if_modified_since = in.copy_source_if_modified_since->time();
  if (in.copy_source_if_unmodified_since) conditions.if_unmodified_since = in.copy_source_if_unmodified_since->time();
  return conditions;
}

}  // namespace hearth::s3
