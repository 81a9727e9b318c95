// JSON bodies: json 1.0/1.1 and rest-json both ways, and the canonical form of codec.h.
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "wire/codec.h"
#include "wire/scalars.h"
#include "wire/walker.h"

namespace hearth::wire {

void append_json_structure(const Walker& walker, const StructEntry& s, const void* value, std::string& out) {
  out += '{';
  bool first = true;
  const MemberEntry* member = walker.members(s);
  for (unsigned i = 0; i < s.member_count; ++i, ++member) {
    if (member->location != Location::body && !walker.canonical) continue;
    const void* present = walker.present(*member, value);
    if (!present) continue;
    if (!first) out += ',';
    first = false;
    out += '"';
    out += walker.text(walker.canonical ? member->name : member->wire);
    out += "\":";
    append_json_value(walker, walker.type(member->type), present, out);
  }
  out += '}';
}

namespace {
// JSON has no NaN or infinities; AWS sends them as strings.
template <class T>
void append_number(std::string& out, T value) {
  const bool quoted = !std::isfinite(value);
  if (quoted) out += '"';
  if constexpr (std::is_same_v<T, float>)
    append_float(out, value);
  else
    append_double(out, value);
  if (quoted) out += '"';
}
}  // namespace

void append_json_value(const Walker& walker, const TypeEntry& type, const void* value, std::string& out) {
  switch (type.kind) {
    case Kind::structure:
      append_json_structure(walker, walker.structure(type.element), value, out);
      return;
    case Kind::string:
      append_json_string(out, as<std::string>(value));
      return;
    case Kind::document:
      out += as<Document>(value).json.empty() ? std::string_view("null") : as<Document>(value).json;
      return;
    case Kind::blob:
      out += '"';
      out += to_base64(as<Blob>(value).data);
      out += '"';
      return;
    case Kind::timestamp: {
      const TimestampFormat format = type.timestamp != TimestampFormat::unset && !walker.canonical
                                         ? type.timestamp
                                         : TimestampFormat::unix_seconds;
      const bool quoted = format != TimestampFormat::unix_seconds;
      if (quoted) out += '"';
      append_timestamp(out, as<Timestamp>(value), format);
      if (quoted) out += '"';
      return;
    }
    case Kind::f32:
      append_number(out, as<float>(value));
      return;
    case Kind::f64:
      append_number(out, as<double>(value));
      return;
    case Kind::list: {
      const ListOps& ops = walker.ops(type);
      const ListView view = ops.view(value);
      out += '[';
      for (std::size_t i = 0; i < view.count; ++i) {
        if (i) out += ',';
        append_json_value(walker, walker.type(type.element), view.data + i * ops.stride, out);
      }
      out += ']';
      return;
    }
    case Kind::map: {
      const ListOps& ops = walker.ops(type);
      const ListView view = ops.view(value);
      out += '{';
      for (std::size_t i = 0; i < view.count; ++i) {
        if (i) out += ',';
        const char* pair = view.data + i * ops.stride;
        append_json_string(out, as<std::string>(pair));
        out += ':';
        append_json_value(walker, walker.type(type.element), pair + ops.value_offset, out);
      }
      out += '}';
      return;
    }
    default:
      walker.append_scalar(type, value, out, TimestampFormat::unix_seconds);
  }
}

namespace {

// A pull reader over one JSON text. Once failed, every call fails.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool good() const { return good_; }
  bool fail() {
    good_ = false;
    at_ = end_;
    return false;
  }
  char peek() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
    return at_ < end_ ? *at_ : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    peek();
    if (static_cast<std::size_t>(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0)
      return false;
    at_ += word.size();
    return true;
  }
  bool at_end() { return peek() == '\0' && at_ == end_; }
  const char* position() const { return at_; }

  bool string(std::string& out);
  // A view into the text when there are no escapes, else into `scratch`.
  std::string_view key(std::string& scratch) {
    if (peek() != '"') return fail(), std::string_view();
    const char* start = at_ + 1;
    const char* p = start;
    while (p < end_ && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20) ++p;
    if (p < end_ && *p == '"') {
      at_ = p + 1;
      return {start, static_cast<std::size_t>(p - start)};
    }
    string(scratch);
    return scratch;
  }
  bool number(double& out) {
    if (peek() == '"') {
      std::string text;
      return string(text) && (parse_double(text, out) || fail());
    }
    const bool is_negative = peek() == '-';
    const char* digit = is_negative ? at_ + 1 : at_;  // from_chars would take -inf and -nan
    if (digit >= end_ || *digit < '0' || *digit > '9') return fail();
    const auto [p, error] = std::from_chars(at_, end_, out);
    if (error != std::errc()) return fail();
    at_ = p;
    return true;
  }
  bool integer(std::int64_t& out) {
    peek();
    const char* start = at_;
    const auto [p, error] = std::from_chars(at_, end_, out);
    if (error == std::errc() && (p == end_ || (*p != '.' && *p != 'e' && *p != 'E'))) {
      at_ = p;
      return true;
    }
    at_ = start;
    double value = 0;
    if (!number(value) || value != std::floor(value) || std::fabs(value) > 9.2e18) return fail();
    out = static_cast<std::int64_t>(value);
    return true;
  }
  // Over one value of any kind, checking its form.
  bool skip(int depth);

 private:
  bool hex4(unsigned& value) {
    if (end_ - at_ < 4) return false;
    const auto [p, error] = std::from_chars(at_, at_ + 4, value, 16);
    if (error != std::errc() || p != at_ + 4) return false;
    at_ += 4;
    return true;
  }
  const char* at_;
  const char* end_;
  bool good_ = true;
};

void append_utf8(std::string& out, unsigned point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | point >> 6);
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | point >> 12);
    out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | point >> 18);
    out += static_cast<char>(0x80 | (point >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  }
}

bool JsonReader::string(std::string& out) {
  out.clear();
  if (!take('"')) return fail();
  for (;;) {
    const char* start = at_;
    while (at_ < end_ && *at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= 0x20) ++at_;
    out.append(start, static_cast<std::size_t>(at_ - start));
    if (at_ >= end_ || static_cast<unsigned char>(*at_) < 0x20) return fail();
    if (*at_ == '"') {
      ++at_;
      return is_utf8(out) || fail();
    }
    if (end_ - at_ < 2) return fail();
    const char escape = at_[1];
    at_ += 2;
    switch (escape) {
      case '"':
      case '\\':
      case '/':
        out += escape;
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case 'r':
        out += '\r';
        break;
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'u': {
        unsigned point = 0, low = 0;
        if (!hex4(point)) return fail();
        if (point >= 0xd800 && point < 0xdc00) {
          if (end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u') return fail();
          at_ += 2;
          if (!hex4(low) || low < 0xdc00 || low > 0xdfff) return fail();
          point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        }
        append_utf8(out, point);
        break;
      }
      default:
        return fail();
    }
  }
}

bool JsonReader::skip(int depth) {
  if (depth > depth_max) return fail();
  std::string scratch;
  switch (peek()) {
    case '{':
      take('{');
      if (take('}')) return true;
      do {
        key(scratch);
        if (!good_ || !take(':') || !skip(depth + 1)) return fail();
      } while (take(','));
      return take('}') || fail();
    case '[':
      take('[');
      if (take(']')) return true;
      do {
        if (!skip(depth + 1)) return fail();
      } while (take(','));
      return take(']') || fail();
    case '"':
      return string(scratch);
    case 't':
      return take_word("true") || fail();
    case 'f':
      return take_word("false") || fail();
    case 'n':
      return take_word("null") || fail();
    default: {
      double ignored = 0;
      return number(ignored);
    }
  }
}

bool parse_value(Walker& walker, const TypeEntry& type, JsonReader& reader, void* value, int depth);

bool parse_structure(Walker& walker, const StructEntry& s, JsonReader& reader, void* value, SeenMembers& seen,
                     int depth) {
  if (depth > depth_max) return walker.fail(walker.malformed_code(), "The document is nested too deeply.");
  if (!reader.take('{')) return walker.fail(walker.malformed_code(), "Expected a JSON object.");
  if (reader.take('}')) return true;
  unsigned hint = 0;
  std::string scratch;
  do {
    const std::string_view name = reader.key(scratch);
    if (!reader.good() || !reader.take(':')) return walker.fail(walker.malformed_code(), "The body is not valid JSON.");
    const MemberEntry* member = walker.find(s, name, hint, walker.canonical ? &MemberEntry::name : &MemberEntry::wire);
    if (!member || (member->location != Location::body && !walker.canonical) ||
        walker.type(member->type).kind >= Kind::stream) {
      if (!reader.skip(depth)) return walker.fail(walker.malformed_code(), "The body is not valid JSON.");
      continue;
    }
    if (reader.take_word("null")) continue;
    seen.set(static_cast<std::size_t>(member - walker.members(s)));
    if (!parse_value(walker, walker.type(member->type), reader, walker.make(*member, value), depth + 1)) {
      return walker.fail(walker.malformed_code(),
                         "Unexpected JSON at '" + std::string(walker.text(member->name)) + "'.");
    }
  } while (reader.take(','));
  return reader.take('}') || walker.fail(walker.malformed_code(), "The body is not valid JSON.");
}

bool parse_value(Walker& walker, const TypeEntry& type, JsonReader& reader, void* value, int depth) {
  if (depth > depth_max) return walker.fail(walker.malformed_code(), "The document is nested too deeply.");
  switch (type.kind) {
    case Kind::structure: {
      SeenMembers seen;
      const StructEntry& s = walker.structure(type.element);
      return parse_structure(walker, s, reader, value, seen, depth) && walker.require_members(s, seen);
    }
    case Kind::string:
      return reader.peek() == '"' && reader.string(as<std::string>(value));
    case Kind::boolean:
      if (reader.take_word("true")) return as<bool>(value) = true;
      if (reader.take_word("false")) return as<bool>(value) = false, true;
      return false;
    case Kind::i32: {
      std::int64_t integer = 0;
      if (!reader.integer(integer) || integer != static_cast<std::int32_t>(integer)) return false;
      as<std::int32_t>(value) = static_cast<std::int32_t>(integer);
      return true;
    }
    case Kind::i64:
      return reader.integer(as<std::int64_t>(value));
    case Kind::f64:
      return reader.number(as<double>(value));
    case Kind::f32: {
      double number = 0;
      if (!reader.number(number)) return false;
      as<float>(value) = static_cast<float>(number);
      return true;
    }
    case Kind::timestamp: {
      if (reader.peek() == '"') {
        std::string text;
        return reader.string(text) && parse_timestamp(text, as<Timestamp>(value));
      }
      double seconds = 0;
      return reader.number(seconds) && timestamp_of_seconds(seconds, as<Timestamp>(value));
    }
    case Kind::blob: {
      std::string text;
      if (!reader.string(text)) return false;
      auto bytes = from_base64(text);
      if (!bytes) return false;
      as<Blob>(value).data = std::move(*bytes);
      return true;
    }
    case Kind::document: {
      reader.peek();
      const char* start = reader.position();
      if (!reader.skip(depth)) return false;
      as<Document>(value).json.assign(start, reader.position());
      return true;
    }
    case Kind::list:
      if (!reader.take('[')) return false;
      if (reader.take(']')) return true;
      do {
        if (reader.take_word("null")) continue;
        if (!parse_value(walker, walker.type(type.element), reader, walker.ops(type).emplace(value, {}), depth + 1))
          return false;
      } while (reader.take(','));
      return reader.take(']');
    case Kind::map: {
      if (!reader.take('{')) return false;
      if (reader.take('}')) return true;
      std::string scratch;
      do {
        const std::string key(reader.key(scratch));
        if (!reader.good() || !is_utf8(key) || !reader.take(':')) return false;
        if (reader.take_word("null")) continue;
        if (!parse_value(walker, walker.type(type.element), reader, walker.ops(type).emplace(value, key), depth + 1))
          return false;
      } while (reader.take(','));
      return reader.take('}');
    }
    default:
      return reader.skip(depth);
  }
}

bool ends_well(Walker& walker, JsonReader& reader) {
  return reader.at_end() || walker.fail(walker.malformed_code(), "There is something after the JSON value.");
}

}  // namespace

bool parse_json_structure(Walker& walker, const StructEntry& s, std::string_view body, void* value, SeenMembers& seen) {
  JsonReader reader(body);
  return parse_structure(walker, s, reader, value, seen, 0) && ends_well(walker, reader);
}

bool parse_json_value(Walker& walker, const TypeEntry& type, std::string_view body, void* value) {
  JsonReader reader(body);
  return (parse_value(walker, type, reader, value, 0) && ends_well(walker, reader)) ||
         walker.fail(walker.malformed_code(), "The body is not the JSON this operation takes.");
}

std::string to_json(const ServiceSchema& service, std::uint16_t structure, const void* value) {
  const Walker walker{.schema = service, .protocol = Protocol::json, .canonical = true};
  std::string out;
  append_json_structure(walker, service.structs[structure], value, out);
  return out;
}

Result<void> from_json(const ServiceSchema& service, std::uint16_t structure, std::string_view json, void* value) {
  Walker walker{.schema = service, .protocol = Protocol::json, .canonical = true, .check_required = false};
  SeenMembers seen;
  return walker.result(parse_json_structure(walker, service.structs[structure], json, value, seen));
}

}  // namespace hearth::wire
