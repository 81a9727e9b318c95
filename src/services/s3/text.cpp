#include "services/s3/text.h"

#include <algorithm>

#include "api/s3/errors.h"
#include "base/bytes.h"

namespace hearth::s3 {
namespace {

namespace errors = api::s3::errors;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 32);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Cuts `text` at the first `separator` and returns what was before it.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view head = text.substr(0, at);
  text = at == text.npos ? std::string_view() : text.substr(at + 1);
  return head;
}

bool is_unreserved(unsigned char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (is_unreserved(u) || c == '/') {
      encoded += c;
    } else {
      encoded += '%';
      encoded += digits[u >> 4];
      encoded += digits[u & 15];
    }
  }
  return encoded;
}

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      decoded += static_cast<char>(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
      i += 2;
    } else {
      decoded += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

Result<Tags> parse_tagging_header(std::string_view header) {
  Tags tags;
  while (!header.empty()) {
    std::string_view pair = take_until(header, '&');
    if (pair.empty()) continue;
    const std::string_view key = take_until(pair, '=');
    tags.emplace_back(percent_decode(key, true), percent_decode(pair, true));
  }
  constexpr std::size_t object_tag_count_max = 10;
  TRY_DO(check_tags(tags, object_tag_count_max));
  return tags;
}

Result<void> check_tags(const Tags& tags, std::size_t count_max) {
  if (tags.size() > count_max) {
    if (count_max == 10) return Error::aws("BadRequest", 400, "Object tags cannot be greater than 10");
    return Error::aws("BadRequest", 400, "Bucket tag count cannot be greater than " + std::to_string(count_max));
  }
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : tags) {
    if (key.empty() || count_characters(key) > 128 || !is_utf8(key))
      return errors::invalid_tag("The TagKey you have provided is invalid");
    if (count_characters(value) > 256 || !is_utf8(value))
      return errors::invalid_tag("The TagValue you have provided is invalid");
    if (key.starts_with("aws:"))
      return errors::invalid_tag("System tags cannot be added/updated by requester").with_field("TagKey", key);
    keys.push_back(key);
  }
  std::ranges::sort(keys);
  if (std::ranges::adjacent_find(keys) != keys.end())
    return errors::invalid_tag("Cannot provide multiple Tags with the same key");
  return ok;
}

Result<CopySource> parse_copy_source(std::string_view header) {
  CopySource source;
  std::string_view path = header;
  if (const std::size_t query = path.rfind("?versionId="); query != path.npos) {
    source.version_id = percent_decode(path.substr(query + 11), false);
    path = path.substr(0, query);
  }
  // Some clients encode the slash after the bucket as well.
  const std::string decoded = percent_decode(path, false);
  std::string_view rest = decoded;
  if (rest.starts_with('/')) rest.remove_prefix(1);
  source.bucket = take_until(rest, '/');
  source.key = rest;
  if (source.bucket.empty() || source.key.empty())
    return errors::invalid_argument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
        .with_field("ArgumentName", "x-amz-copy-source")
        .with_field("ArgumentValue", std::string(header));
  return source;
}

std::string without_aws_chunked(std::string_view content_encoding) {
  std::string kept;
  while (!content_encoding.empty()) {
    const std::string_view coding = trim(take_until(content_encoding, ','));
    if (coding.empty() || coding == "aws-chunked") continue;
    if (!kept.empty()) kept += ',';
    kept += coding;
  }
  return kept;
}

std::string quote(std::string_view etag) {
  return '"' + std::string(etag) + '"';
}

std::string unquote(std::string_view etag) {
  etag = trim(etag);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

bool etag_matches(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    std::string_view one = trim(take_until(list, ','));
    if (one == "*") return true;
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (unquote(one) == etag) return true;
  }
  return false;
}

std::string mail_safe(std::string_view value) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::ranges::all_of(value, is_ascii)) return std::string(value);
  std::string utf8(value);
  if (!is_utf8(value)) {  // then it came as Latin-1, as some clients write headers
    utf8.clear();
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (!is_ascii(c)) utf8 += static_cast<char>(0xc0 | byte >> 6);
      utf8 += is_ascii(c) ? c : static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return "=?UTF-8?B?" + to_base64(utf8) + "?=";
}

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const int length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (lead == 0 || length == 0 || i + static_cast<std::size_t>(length) > text.size()) return false;
    std::uint32_t code = length == 1 ? lead : lead & (0x7fu >> length);
    for (int k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      if (next >> 6 != 2) return false;
      code = code << 6 | (next & 0x3f);
    }
    constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += static_cast<std::size_t>(length);
  }
  return true;
}

std::size_t count_characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace hearth::s3
