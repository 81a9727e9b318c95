#include "services/s3/names.h"

#include <algorithm>

#include "api/s3/errors.h"
#include "services/s3/text.h"

namespace hearth::s3 {
namespace {

namespace errors = api::s3::errors;

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool looks_like_an_ipv4_address(std::string_view name) {
  int dots = 0;
  for (const char c : name) {
    if (c == '.')
      ++dots;
    else if (c < '0' || c > '9')
      return false;
  }
  return dots == 3;
}

}  // namespace

bool is_bucket_name(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  if (!is_lower_or_digit(name.front()) || !is_lower_or_digit(name.back())) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '.' && name[i - 1] == '.') return false;
    if (!is_lower_or_digit(name[i]) && name[i] != '-' && name[i] != '.') return false;
  }
  if (looks_like_an_ipv4_address(name)) return false;
  for (const std::string_view reserved : {"xn--", "sthree-", "amzn-s3-demo-"})
    if (name.starts_with(reserved)) return false;
  for (const std::string_view reserved : {"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"})
    if (name.ends_with(reserved)) return false;
  return true;
}

Result<void> check_key(std::string_view key) {
  constexpr std::size_t key_bytes_max = 1024;
  if (key.size() > key_bytes_max)
    return errors::key_too_long_error()
        .with_field("Size", std::to_string(key.size()))
        .with_field("MaxSizeAllowed", std::to_string(key_bytes_max));
  if (key.empty() || !is_utf8(key)) return errors::invalid_argument("Object keys must be valid UTF-8 and not empty.");
  return ok;
}

Error no_such_bucket(std::string_view bucket) {
  return errors::no_such_bucket().with_field("BucketName", std::string(bucket));
}

Error no_such_key(std::string_view key) {
  return errors::no_such_key().with_field("Key", std::string(key));
}

Error no_such_upload(std::string_view upload_id) {
  return errors::no_such_upload().with_field("UploadId", std::string(upload_id));
}

Error invalid_argument(std::string message, std::string_view argument_name, std::string_view argument_value) {
  return errors::invalid_argument(std::move(message))
      .with_field("ArgumentName", std::string(argument_name))
      .with_field("ArgumentValue", std::string(argument_value));
}

Error not_implemented(std::string_view header, std::string what) {
  return errors::not_implemented("A header you provided implies functionality that is not implemented: " + what)
      .with_field("Header", std::string(header));
}

Error to_s3_error(Error error) {
  switch (error.kind()) {
    case ErrorKind::no_space:
      return errors::quota_exceeded();
    case ErrorKind::unavailable:
      return errors::service_unavailable();
    default:
      return error;
  }
}

}  // namespace hearth::s3
