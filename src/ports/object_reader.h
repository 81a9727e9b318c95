// Reads objects for our own services (images to import). Whether the caller may is decided before: ask the Authorizer
// for s3:GetObject on the object, in the name of who wants it. Safe from any thread. Implemented by services/s3.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/async.h"
#include "base/bytes.h"

namespace hearth {

struct ReadableObject {
  std::uint64_t size_bytes = 0;
  std::string etag;  // another one: other bytes
  std::shared_ptr<ByteSource> body;
};

class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  // The newest version. not_found when there is no such bucket or object.
  virtual Async<ReadableObject> open_object(std::string_view bucket, std::string_view key) = 0;
};

}  // namespace hearth
