// CBOR bodies of Smithy RPC v2. https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html, RFC 8949.
#include <bit>
#include <cmath>
#include <cstring>

#include "wire/scalars.h"
#include "wire/walker.h"

namespace hearth::wire {
namespace {

enum Major : int { positive, negative, bytes, text, array, map, tag, simple };
constexpr int indefinite = 31;

void append_head(std::string& out, int major, std::uint64_t value) {
  const auto lead = [&](int low) { out += static_cast<char>(major << 5 | low); };
  int size = 0;
  if (value < 24) {
    lead(static_cast<int>(value));
  } else if (value <= 0xff) {
    lead(24);
    size = 1;
  } else if (value <= 0xffff) {
    lead(25);
    size = 2;
  } else if (value <= 0xffffffff) {
    lead(26);
    size = 4;
  } else {
    lead(27);
    size = 8;
  }
  for (int i = size - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}
void append_text(std::string& out, std::string_view value) {
  append_head(out, text, value.size());
  out += value;
}
void append_integer_item(std::string& out, std::int64_t value) {
  if (value >= 0)
    append_head(out, positive, static_cast<std::uint64_t>(value));
  else
    append_head(out, negative, ~static_cast<std::uint64_t>(value));
}
void append_double_item(std::string& out, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  out += '\xfb';
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(bits >> shift);
}
void append_float_item(std::string& out, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  out += '\xfa';
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bits >> shift);
}

void append_value(const Walker& walker, const TypeEntry& type, const void* value, std::string& out) {
  switch (type.kind) {
    case Kind::structure:
      append_cbor_structure(walker, walker.structure(type.element), value, out);
      return;
    case Kind::string:
      append_text(out, as<std::string>(value));
      return;
    case Kind::blob:
      append_head(out, bytes, as<Blob>(value).data.size());
      out += as<Blob>(value).data;
      return;
    case Kind::boolean:
      out += as<bool>(value) ? '\xf5' : '\xf4';
      return;
    case Kind::i32:
      append_integer_item(out, as<std::int32_t>(value));
      return;
    case Kind::i64:
      append_integer_item(out, as<std::int64_t>(value));
      return;
    case Kind::f32:
      append_float_item(out, as<float>(value));
      return;
    case Kind::f64:
      append_double_item(out, as<double>(value));
      return;
    case Kind::timestamp: {
      const std::int64_t ms = as<Timestamp>(value).ms;
      append_head(out, tag, 1);  // epoch-based date and time
      if (ms % 1000)
        append_double_item(out, static_cast<double>(ms) / 1000);
      else
        append_integer_item(out, ms / 1000);
      return;
    }
    case Kind::list: {
      const ListOps& ops = walker.ops(type);
      const ListView view = ops.view(value);
      append_head(out, array, view.count);
      for (std::size_t i = 0; i < view.count; ++i)
        append_value(walker, walker.type(type.element), view.data + i * ops.stride, out);
      return;
    }
    case Kind::map: {
      const ListOps& ops = walker.ops(type);
      const ListView view = ops.view(value);
      append_head(out, map, view.count);
      for (std::size_t i = 0; i < view.count; ++i) {
        const char* pair = view.data + i * ops.stride;
        append_text(out, as<std::string>(pair));
        append_value(walker, walker.type(type.element), pair + ops.value_offset, out);
      }
      return;
    }
    default:
      out += '\xf6';  // null
  }
}

// Once failed, every call fails.
class CborReader {
 public:
  explicit CborReader(std::string_view input)
      : at_(reinterpret_cast<const unsigned char*>(input.data())), end_(at_ + input.size()) {}
  bool good() const { return good_; }
  bool at_end() const { return at_ == end_; }
  bool fail() {
    good_ = false;
    at_ = end_;
    return false;
  }
  bool head(int& major, std::uint64_t& value, int& info) {
    if (at_ >= end_) return fail();
    major = *at_ >> 5;
    info = *at_ & 31;
    ++at_;
    value = static_cast<std::uint64_t>(info);
    if (info < 24) return true;
    if (info == indefinite) return value = 0, true;
    if (info > 27) return fail();
    const int size = 1 << (info - 24);
    if (end_ - at_ < size) return fail();
    value = 0;
    for (int i = 0; i < size; ++i) value = value << 8 | *at_++;
    return true;
  }
  bool take_null() {
    if (at_ >= end_ || (*at_ != 0xf6 && *at_ != 0xf7)) return false;
    ++at_;
    return true;
  }
  bool take_break() {
    if (at_ >= end_ || *at_ != 0xff) return false;
    ++at_;
    return true;
  }
  bool next_is_tag() const { return at_ < end_ && *at_ >> 5 == tag; }
  // A byte or text string, in one piece or in chunks.
  bool string(std::string& out, int wanted) {
    int major = 0, info = 0;
    std::uint64_t size = 0;
    out.clear();
    if (!head(major, size, info) || major != wanted) return fail();
    if (info != indefinite) return take(out, size);
    while (!take_break())
      if (!head(major, size, info) || major != wanted || info == indefinite || !take(out, size)) return fail();
    return true;
  }
  bool number(double& real, std::int64_t& integer, bool& is_integer) {
    int major = 0, info = 0;
    std::uint64_t value = 0;
    if (!head(major, value, info)) return false;
    is_integer = major == positive || major == negative;
    if (is_integer) {
      if (value > INT64_MAX) return fail();
      integer = major == positive ? static_cast<std::int64_t>(value) : ~static_cast<std::int64_t>(value);
      real = static_cast<double>(integer);
      return true;
    }
    if (major != simple) return fail();
    if (info == 27) {
      real = std::bit_cast<double>(value);
    } else if (info == 26) {
      real = std::bit_cast<float>(static_cast<std::uint32_t>(value));
    } else if (info == 25) {  // RFC 8949 appendix D
      const int exponent = value >> 10 & 31, mantissa = value & 1023;
      real = exponent == 0    ? std::ldexp(mantissa, -24)
             : exponent != 31 ? std::ldexp(mantissa + 1024, exponent - 25)
             : mantissa == 0  ? INFINITY
                              : NAN;
      if (value & 0x8000) real = -real;
    } else {
      return fail();
    }
    integer = std::fabs(real) < 9.2e18 ? static_cast<std::int64_t>(real) : 0;
    return true;
  }
  bool boolean(bool& value) {
    if (at_ >= end_ || (*at_ != 0xf4 && *at_ != 0xf5)) return fail();
    value = *at_++ == 0xf5;
    return true;
  }
  bool skip(int depth) {
    int major = 0, info = 0;
    std::uint64_t value = 0;
    if (depth > depth_max || !head(major, value, info)) return fail();
    switch (major) {
      case bytes:
      case text:
        if (info == indefinite) {
          while (good_ && !take_break()) skip(depth + 1);
        } else if (static_cast<std::uint64_t>(end_ - at_) < value) {
          return fail();
        } else {
          at_ += value;
        }
        return good_;
      case array:
      case map: {
        const int items = major == map ? 2 : 1;
        for (std::uint64_t i = 0; good_ && (info == indefinite ? !take_break() : i < value); ++i)
          for (int k = 0; k < items; ++k) skip(depth + 1);
        return good_;
      }
      case tag:
        return skip(depth + 1);
      default:
        return true;
    }
  }

 private:
  bool take(std::string& out, std::uint64_t size) {
    if (static_cast<std::uint64_t>(end_ - at_) < size) return fail();
    out.append(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return true;
  }
  const unsigned char* at_;
  const unsigned char* end_;
  bool good_ = true;
};

bool parse_value(Walker& walker, const TypeEntry& type, CborReader& reader, void* value, int depth);

bool parse_structure(Walker& walker, const StructEntry& s, CborReader& reader, void* value, SeenMembers& seen,
                     int depth) {
  int major = 0, info = 0;
  std::uint64_t count = 0;
  if (depth > depth_max || !reader.head(major, count, info) || major != map)
    return walker.fail(walker.malformed_code(), "Expected a CBOR map.");
  unsigned hint = 0;
  std::string name;
  for (std::uint64_t i = 0; reader.good() && (info == indefinite ? !reader.take_break() : i < count); ++i) {
    if (!reader.string(name, text)) break;
    const MemberEntry* member = walker.find(s, name, hint, &MemberEntry::name);
    if (!member || walker.type(member->type).kind >= Kind::stream) {
      reader.skip(depth);
      continue;
    }
    if (reader.take_null()) continue;
    seen.set(static_cast<std::size_t>(member - walker.members(s)));
    if (!parse_value(walker, walker.type(member->type), reader, walker.make(*member, value), depth + 1))
      return walker.fail(walker.malformed_code(),
                         "Unexpected CBOR at '" + std::string(walker.text(member->name)) + "'.");
  }
  return reader.good() || walker.fail(walker.malformed_code(), "The body is not valid CBOR.");
}

bool parse_value(Walker& walker, const TypeEntry& type, CborReader& reader, void* value, int depth) {
  if (depth > depth_max) return false;
  double real = 0;
  std::int64_t integer = 0;
  bool is_integer = false;
  switch (type.kind) {
    case Kind::structure: {
      SeenMembers seen;
      const StructEntry& s = walker.structure(type.element);
      return parse_structure(walker, s, reader, value, seen, depth) && walker.require_members(s, seen);
    }
    case Kind::string:
      return reader.string(as<std::string>(value), text) && is_utf8(as<std::string>(value));
    case Kind::blob:
      return reader.string(as<Blob>(value).data, bytes);
    case Kind::boolean:
      return reader.boolean(as<bool>(value));
    case Kind::i32:
      if (!reader.number(real, integer, is_integer) || integer != static_cast<std::int32_t>(integer)) return false;
      as<std::int32_t>(value) = static_cast<std::int32_t>(integer);
      return true;
    case Kind::i64:
      if (!reader.number(real, integer, is_integer)) return false;
      as<std::int64_t>(value) = integer;
      return true;
    case Kind::f32:
      if (!reader.number(real, integer, is_integer)) return false;
      as<float>(value) = static_cast<float>(real);
      return true;
    case Kind::f64:
      if (!reader.number(real, integer, is_integer)) return false;
      as<double>(value) = real;
      return true;
    case Kind::timestamp: {
      int major = 0, info = 0;
      std::uint64_t number_tag = 0;
      if (reader.next_is_tag()) reader.head(major, number_tag, info);
      return reader.number(real, integer, is_integer) && timestamp_of_seconds(real, as<Timestamp>(value));
    }
    case Kind::list: {
      int major = 0, info = 0;
      std::uint64_t count = 0;
      if (!reader.head(major, count, info) || major != array) return false;
      for (std::uint64_t i = 0; reader.good() && (info == indefinite ? !reader.take_break() : i < count); ++i) {
        if (reader.take_null()) continue;
        if (!parse_value(walker, walker.type(type.element), reader, walker.ops(type).emplace(value, {}), depth + 1))
          return false;
      }
      return reader.good();
    }
    case Kind::map: {
      int major = 0, info = 0;
      std::uint64_t count = 0;
      if (!reader.head(major, count, info) || major != map) return false;
      std::string key;
      for (std::uint64_t i = 0; reader.good() && (info == indefinite ? !reader.take_break() : i < count); ++i) {
        if (!reader.string(key, text) || !is_utf8(key)) return false;
        if (reader.take_null()) continue;
        if (!parse_value(walker, walker.type(type.element), reader, walker.ops(type).emplace(value, key), depth + 1))
          return false;
      }
      return reader.good();
    }
    default:
      return reader.skip(depth);
  }
}

}  // namespace

void append_cbor_structure(const Walker& walker, const StructEntry& s, const void* value, std::string& out) {
  out += '\xbf';  // a map of indefinite length: members are counted as they come
  const MemberEntry* member = walker.members(s);
  for (unsigned i = 0; i < s.member_count; ++i, ++member) {
    if (member->location != Location::body) continue;
    const void* present = walker.present(*member, value);
    if (!present) continue;
    append_text(out, walker.text(member->name));
    append_value(walker, walker.type(member->type), present, out);
  }
  out += '\xff';
}

bool parse_cbor_structure(Walker& walker, const StructEntry& s, std::string_view body, void* value, SeenMembers& seen) {
  CborReader reader(body);
  return parse_structure(walker, s, reader, value, seen, 0) &&
         (reader.at_end() || walker.fail(walker.malformed_code(), "There is something after the CBOR value."));
}

void append_cbor_error(std::string& out, std::string_view code, std::string_view message) {
  append_head(out, map, 2);
  append_text(out, "__type");
  append_text(out, code);
  append_text(out, "message");
  append_text(out, message);
}

}  // namespace hearth::wire
