#include "services/s3/preconditions.h"

#include <algorithm>
#include <charconv>

#include "api/s3/errors.h"
#include "services/s3/names.h"
#include "services/s3/text.h"

namespace hearth::s3 {
namespace {

namespace errors = api::s3::errors;

// HTTP dates have no fractions.
std::int64_t whole_seconds(TimePoint t) {
  return std::chrono::floor<std::chrono::seconds>(t.time_since_epoch()).count();
}
std::int64_t whole_seconds(std::int64_t ms) {
  return ms / 1000;
}

Error precondition_failed(std::string condition) {
  return errors::precondition_failed().with_field("Condition", std::move(condition));
}

// Null unless all of it is a number.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

}  // namespace

ReadVerdict check_read(const ReadConditions& conditions, std::string_view etag, std::int64_t last_modified_ms) {
  if (conditions.if_match) {
    if (!etag_matches(*conditions.if_match, etag)) return ReadVerdict::failed;
  } else if (conditions.if_unmodified_since) {
    if (whole_seconds(last_modified_ms) > whole_seconds(*conditions.if_unmodified_since)) return ReadVerdict::failed;
  }
  if (conditions.if_none_match) {
    if (etag_matches(*conditions.if_none_match, etag)) return ReadVerdict::not_modified;
  } else if (conditions.if_modified_since) {
    if (whole_seconds(last_modified_ms) <= whole_seconds(*conditions.if_modified_since))
      return ReadVerdict::not_modified;
  }
  return ReadVerdict::proceed;
}

Result<void> require_readable(const ReadConditions& conditions, std::string_view etag, std::int64_t last_modified_ms) {
  switch (check_read(conditions, etag, last_modified_ms)) {
    case ReadVerdict::proceed:
      return ok;
    case ReadVerdict::not_modified:
      return errors::not_modified()
          .with_field("ETag", quote(etag))
          .with_field("Last-Modified", format_http_date(from_ms(last_modified_ms)));
    case ReadVerdict::failed:
      break;
  }
  return precondition_failed(conditions.if_match ? "If-Match" : "If-Unmodified-Since");
}

Result<void> require_copyable(const ReadConditions& conditions, std::string_view etag, std::int64_t last_modified_ms) {
  switch (check_read(conditions, etag, last_modified_ms)) {
    case ReadVerdict::proceed:
      return ok;
    case ReadVerdict::not_modified:
      return precondition_failed(conditions.if_none_match ? "x-amz-copy-source-If-None-Match"
                                                          : "x-amz-copy-source-If-Modified-Since");
    case ReadVerdict::failed:
      break;
  }
  return precondition_failed(conditions.if_match ? "x-amz-copy-source-If-Match"
                                                 : "x-amz-copy-source-If-Unmodified-Since");
}

Result<void> check_supported(const WriteConditions& conditions) {
  // AWS: writes know If-None-Match with an asterisk only.
  if (conditions.if_none_match && *conditions.if_none_match != "*")
    return not_implemented("If-None-Match", "If-None-Match with anything but * on a write");
  if (conditions.if_match && conditions.if_none_match)
    return not_implemented("If-Match,If-None-Match", "If-Match together with If-None-Match");
  return ok;
}

Result<void> require_writable(const WriteConditions& conditions, std::string_view key,
                              const std::optional<std::string>& current_etag) {
  if (conditions.if_none_match && current_etag) return precondition_failed("If-None-Match");
  if (conditions.if_match) {
    // AWS: asking to replace what is not there is a 404, not a 412.
    if (!current_etag) return no_such_key(key);
    if (!etag_matches(*conditions.if_match, *current_etag)) return precondition_failed("If-Match");
  }
  return ok;
}

Result<std::optional<ByteRange>> resolve_range(std::string_view header, std::uint64_t size_bytes) {
  constexpr std::string_view unit = "bytes=";
  const std::optional<ByteRange> whole;
  if (!header.starts_with(unit)) return whole;
  const std::string_view spec = header.substr(unit.size());
  const std::size_t dash = spec.find('-');
  if (dash == spec.npos || spec.find(',') != spec.npos) return whole;

  const std::string_view first_text = spec.substr(0, dash);
  const std::string_view last_text = spec.substr(dash + 1);
  const std::optional<std::uint64_t> first = parse_number(first_text);
  const std::optional<std::uint64_t> last = parse_number(last_text);
  if ((!first && !first_text.empty()) || (!last && !last_text.empty()) || (!first && !last)) return whole;
  if (first && last && *first > *last) return whole;

  const auto unsatisfiable = [&] {
    return errors::invalid_range()
        .with_field("ActualObjectSize", std::to_string(size_bytes))
        .with_field("RangeRequested", std::string(header));
  };
  if (!first) {
    if (*last == 0 || size_bytes == 0) return unsatisfiable();
    return std::optional(ByteRange{size_bytes - std::min(*last, size_bytes), size_bytes - 1});
  }
  if (*first >= size_bytes) return unsatisfiable();
  return std::optional(ByteRange{*first, std::min(last.value_or(size_bytes - 1), size_bytes - 1)});
}

std::string content_range(ByteRange range, std::uint64_t size_bytes) {
  return "bytes " + std::to_string(range.first) + "-" + std::to_string(range.last) + "/" + std::to_string(size_bytes);
}

}  // namespace hearth::s3
