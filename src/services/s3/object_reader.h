// S3 as an ObjectReader for our own services. Safe from any thread.
#pragma once

#include "ports/object_reader.h"

namespace hearth::s3 {

class S3Service;

class S3ObjectReader final : public ObjectReader {
 public:
  explicit S3ObjectReader(S3Service& s3) : s3_(s3) {}
  Async<ReadableObject> open_object(std::string_view bucket, std::string_view key) override;

 private:
  S3Service& s3_;
};

}  // namespace hearth::s3
