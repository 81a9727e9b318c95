#include "services/s3/object_reader.h"

#include "services/s3/service.h"

namespace hearth::s3 {

Async<ReadableObject> S3ObjectReader::open_object(std::string_view bucket, std::string_view key) {
  types::GetObjectRequest in;
  in.bucket = bucket;
  in.key = key;
  const RequestContext on_our_own;
  auto found = co_await s3_.get_object(on_our_own, in);
  if (!found && found.error().kind() == ErrorKind::aws)  // NoSuchBucket, NoSuchKey
    co_return Error(ErrorKind::not_found, found.error().message());
  if (!found) co_return found.error();
  ReadableObject object;
  object.size_bytes = static_cast<std::uint64_t>(found->content_length.value_or(0));
  object.etag = found->e_tag.value_or("");
  object.body = std::move(found->body);
  co_return object;
}

}  // namespace hearth::s3
