#include "wire/scalars.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace hearth::wire {

void append_integer(std::string& out, std::int64_t value) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, end);
}

namespace {
template <class T>
void append_floating(std::string& out, T value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "Infinity" : "-Infinity";
  } else {
    char buffer[40];
    out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  }
}
}  // namespace

void append_double(std::string& out, double value) {
  append_floating(out, value);
}
void append_float(std::string& out, float value) {
  append_floating(out, value);
}

void append_timestamp(std::string& out, Timestamp value, TimestampFormat format) {
  switch (format) {
    case TimestampFormat::http_date:
      out += format_http_date(value.time());
      return;
    case TimestampFormat::unix_seconds: {
      append_integer(out, value.ms / 1000);
      if (const std::int64_t rest = value.ms % 1000; rest != 0) {
        const std::int64_t digits = rest < 0 ? -rest : rest;
        if (value.ms < 0 && value.ms > -1000) out.insert(out.size() - 1, "-");
        out += '.';
        out += static_cast<char>('0' + digits / 100);
        out += static_cast<char>('0' + digits / 10 % 10);
        out += static_cast<char>('0' + digits % 10);
      }
      return;
    }
    case TimestampFormat::iso8601:
    case TimestampFormat::unset:
      out += value.ms % 1000 ? format_iso8601(value.time()) : format_iso8601_seconds(value.time());
      return;
  }
}

bool parse_integer(std::string_view text, std::int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_double(std::string_view text, double& value) {
  if (text == "NaN") return value = std::nan(""), true;
  if (text == "Infinity") return value = INFINITY, true;
  if (text == "-Infinity") return value = -INFINITY, true;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

bool parse_timestamp(std::string_view text, Timestamp& value) {
  const auto time = parse_time(text);
  if (!time) return false;
  value = Timestamp(*time);
  return true;
}

bool timestamp_of_seconds(double seconds, Timestamp& value) {
  static const auto ms_max = static_cast<double>(to_ms(TimePoint::max()));
  if (std::isnan(seconds)) return false;
  value.ms = std::llround(std::clamp(seconds * 1000, -ms_max, ms_max));
  return true;
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  out += '"';
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, start, i - start);
    start = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += digits[c >> 4];
        out += digits[c & 15];
    }
  }
  out.append(text, start);
  out += '"';
}

// https://www.w3.org/TR/xml/#NT-Char
bool is_xml_character(std::uint32_t point) {
  if (point < ' ') return point == '\t' || point == '\n' || point == '\r';
  return point < 0xd800 || (point >= 0xe000 && point < 0xfffe) || (point >= 0x10000 && point < 0x110000);
}

std::size_t no_xml_character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(at + i < text.size() ? text[at + i] : 0); };
  const unsigned char lead = byte(0);
  if (lead < ' ') return is_xml_character(lead) ? 0 : 1;
  constexpr std::size_t length = 3;  // of U+D800 to U+DFFF, U+FFFE and U+FFFF
  const bool is_surrogate = lead == 0xed && byte(1) >= 0xa0;
  const bool is_noncharacter = lead == 0xef && byte(1) == 0xbf && byte(2) >= 0xbe;
  return is_surrogate || is_noncharacter ? std::min(length, text.size() - at) : 0;
}

void append_xml_text(std::string& out, std::string_view text) {
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string_view replacement;
    std::size_t length = 1;
    switch (text[i]) {
      case '&':
        replacement = "&amp;";
        break;
      case '<':
        replacement = "&lt;";
        break;
      case '>':
        replacement = "&gt;";
        break;
      case '"':
        replacement = "&quot;";
        break;
      case '\r':
        replacement = "&#13;";
        break;
      default:
        length = no_xml_character_at(text, i);
        if (length == 0) continue;
        replacement = "\xef\xbf\xbd";  // a reference to it would be as unreadable as itself
    }
    out.append(text, start, i - start);
    out += replacement;
    start = i + length;
    i = start - 1;
  }
  out.append(text, start);
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    std::uint32_t point = length == 1 ? lead : lead & (0xff >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if (next >> 6 != 2) return false;
      point = point << 6 | (next & 0x3f);
    }
    static constexpr std::array<std::uint32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
    if (point < smallest[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    i += length;
  }
  return true;
}

std::string printable(std::string_view text) {
  const bool keeps_high_bytes = is_utf8(text);
  std::string out(text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_control = byte < 0x20 && c != '\t' && c != '\n' && c != '\r';
    if (is_control || (byte >= 0x80 && !keeps_high_bytes)) c = '?';
  }
  return out;
}

std::size_t utf8_length(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

}  // namespace hearth::wire
