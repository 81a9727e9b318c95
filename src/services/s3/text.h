// How S3 writes things down: percent-encoding, tag sets in headers, copy sources, ETags.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace hearth::s3 {

// RFC 3986; '/' stays. For encoding-type=url and for URLs in answers.
std::string percent_encode(std::string_view text);
std::string percent_decode(std::string_view text, bool plus_is_space);

using Tags = std::vector<std::pair<std::string, std::string>>;
// "a=1&b=2" as in x-amz-tagging. InvalidArgument, or what check_tags says.
Result<Tags> parse_tagging_header(std::string_view header);
// At most `count_max` tags, keys of 1 to 128 and values of up to 256 characters, each key once, none of aws:'s own.
Result<void> check_tags(const Tags& tags, std::size_t count_max);

// "bucket/key", "/bucket/key?versionId=…" (percent-encoded), as in x-amz-copy-source.
struct CopySource {
  std::string bucket;
  std::string key;
  std::optional<std::string> version_id;
};
Result<CopySource> parse_copy_source(std::string_view header);

// "aws-chunked" speaks of the transfer, not of the object: what is left of a Content-Encoding without it.
std::string without_aws_chunked(std::string_view content_encoding);

// AWS: metadata that is not ASCII is answered in the words of RFC 2047, "=?UTF-8?B?…?=", which every client can take.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
std::string mail_safe(std::string_view value);

std::string quote(std::string_view etag);
std::string unquote(std::string_view etag);
// Whether one of a comma separated list of ETags (quoted or not, weak or not), or `*`, names this one.
bool etag_matches(std::string_view list, std::string_view etag);

// Valid UTF-8 without NUL: what can be a key.
bool is_utf8(std::string_view text);
std::size_t count_characters(std::string_view utf8);

}  // namespace hearth::s3
