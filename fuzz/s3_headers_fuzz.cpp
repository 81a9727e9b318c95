// Any text as the small languages in S3's headers: Range, x-amz-tagging, x-amz-copy-source. A range that is granted
// lies inside the object, and refusals say which error they are. Input: eight bytes of object size, then the header.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "services/s3/preconditions.h"
#include "services/s3/text.h"

using namespace hearth;

namespace {

template <class T>
void require_code(const Result<T>& result) {
  if (!result && result.error().code().empty()) std::abort();
}

void read_range(std::string_view header, std::uint64_t object_bytes) {
  const auto range = s3::resolve_range(header, object_bytes);
  require_code(range);
  if (!range || !*range) return;  // not satisfiable; not understood, so the whole object
  if ((*range)->first > (*range)->last || (*range)->last >= object_bytes) std::abort();
  (void)s3::content_range(**range, object_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::uint64_t object_bytes = 0;
  if (size < sizeof object_bytes) return 0;
  std::memcpy(&object_bytes, data, sizeof object_bytes);
  const std::string_view header(reinterpret_cast<const char*>(data) + sizeof object_bytes, size - sizeof object_bytes);
  read_range(header, object_bytes);
  const auto tags = s3::parse_tagging_header(header);
  require_code(tags);
  if (tags) require_code(s3::check_tags(*tags, 10));
  require_code(s3::parse_copy_source(header));
  return 0;
}
