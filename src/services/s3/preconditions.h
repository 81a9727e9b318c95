// If-Match and its kin, and Range: pure functions.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"

namespace hearth::s3 {

struct ReadConditions {
  std::optional<std::string> if_match;
  std::optional<std::string> if_none_match;
  std::optional<TimePoint> if_modified_since;
  std::optional<TimePoint> if_unmodified_since;
};

enum class ReadVerdict : std::uint8_t { proceed, not_modified, failed };

// In RFC 9110's order: an ETag that was asked for makes the date of its kind irrelevant.
ReadVerdict check_read(const ReadConditions& conditions, std::string_view etag, std::int64_t last_modified_ms);
// 304 and 412 as errors, with what the client should remember of the object. `failed_condition` names the header.
Result<void> require_readable(const ReadConditions& conditions, std::string_view etag, std::int64_t last_modified_ms);
// The same for the source of a copy, where both are 412.
Result<void> require_copyable(const ReadConditions& conditions, std::string_view etag, std::int64_t last_modified_ms);

struct WriteConditions {
  std::optional<std::string> if_match;
  std::optional<std::string> if_none_match;
};
// Before anything is read or written: values that we could never honour.
Result<void> check_supported(const WriteConditions& conditions);
// `current_etag`: of the object that would be replaced; null if there is none, or a delete marker.
Result<void> require_writable(const WriteConditions& conditions, std::string_view key,
                              const std::optional<std::string>& current_etag);

// The part of `size_bytes` bytes that a Range header asks for; null for the whole: no header, one that is not
// understood, or several ranges. InvalidRange if it lies outside.
Result<std::optional<ByteRange>> resolve_range(std::string_view header, std::uint64_t size_bytes);
std::string content_range(ByteRange range, std::uint64_t size_bytes);  // "bytes 0-9/100"

}  // namespace hearth::s3
