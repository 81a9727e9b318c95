// Writes and reads objects for our own services on behalf of an account (inference records, model artifacts).
// Implemented by services/s3.
#pragma once

#include <string>
#include <string_view>

#include "base/async.h"

namespace hearth {

class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  // Durable when it returns. not_found if the bucket does not exist in the account.
  virtual Async<void> put_object(std::string_view account_id, std::string_view bucket, std::string_view key,
                                 std::string body, std::string_view content_type) = 0;
};

}  // namespace hearth
