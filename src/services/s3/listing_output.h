// Entries of list answers. Templates where the generated structures only share member names.
#pragma once

#include <string>
#include <vector>

#include "api/s3/types.h"
#include "services/s3/listing.h"
#include "services/s3/owner.h"

namespace hearth::s3 {

template <class Entry>
void write_stored_object(Entry& entry, const ObjectRow& row) {
  entry.last_modified = wire::Timestamp(row.last_modified_ms);
  entry.e_tag = quote(row.etag);
  entry.size = static_cast<std::int64_t>(row.size_bytes);
  entry.storage_class = std::string(api::s3::StorageClass::STANDARD);
  if (row.checksum.algorithm == ChecksumAlgorithm::none) return;
  entry.checksum_algorithm = std::vector<std::string>{std::string(to_string(row.checksum.algorithm))};
  entry.checksum_type = std::string(to_string(row.checksum.type));
}

inline wire::Opt<std::vector<api::s3::CommonPrefix>> to_common_prefixes(const std::vector<std::string>& prefixes,
                                                                        const TextEncoding& encoded) {
  wire::Opt<std::vector<api::s3::CommonPrefix>> out;
  for (const std::string& prefix : prefixes) {
    if (!out) out.emplace();
    out->emplace_back().prefix = encoded(prefix);
  }
  return out;
}

template <class Output>
void write_page(Output& out, const ObjectPage& page, const TextEncoding& encoded, const api::s3::Owner* owner) {
  out.is_truncated = page.is_truncated;
  out.common_prefixes = to_common_prefixes(page.common_prefixes, encoded);
  if (page.objects.empty()) return;
  std::vector<api::s3::Object>& contents = out.contents.emplace();
  contents.reserve(page.objects.size());
  for (const ListedObject& object : page.objects) {
    api::s3::Object& entry = contents.emplace_back();
    entry.key = encoded(object.key);
    write_stored_object(entry, object.row);
    if (owner) entry.owner = *owner;
  }
}

}  // namespace hearth::s3
