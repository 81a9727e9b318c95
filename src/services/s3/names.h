// Which bucket names and keys S3 accepts, and the errors that name them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::s3 {

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
bool is_bucket_name(std::string_view name);
// 1 to 1024 bytes of UTF-8. KeyTooLongError, InvalidArgument.
Result<void> check_key(std::string_view key);

Error no_such_bucket(std::string_view bucket);
Error no_such_key(std::string_view key);
Error no_such_upload(std::string_view upload_id);
Error invalid_argument(std::string message, std::string_view argument_name, std::string_view argument_value);
// "A header you provided implies functionality that is not implemented"; `what` says which, for people.
Error not_implemented(std::string_view header, std::string what);

// Engines speak of kinds; what leaves S3 has S3's codes: a full disk, a store that is down.
Error to_s3_error(Error error);

}  // namespace hearth::s3
