#include "wire/walker.h"

#include "base/bytes.h"
#include "wire/scalars.h"

namespace hearth::wire {

const void* Walker::present(const MemberEntry& member, const void* structure) const {
  const char* base = static_cast<const char*>(structure);
  if (member.has_offset != no_index && !base[member.has_offset]) return nullptr;
  if (type(member.type).kind >= Kind::stream) return nullptr;
  const void* value = base + member.offset;
  if (member.flags & MemberFlag::boxed) value = *static_cast<const void* const*>(value);
  return value;
}

void* Walker::make(const MemberEntry& member, void* structure) const {
  char* base = static_cast<char*>(structure);
  if (member.has_offset != no_index) base[member.has_offset] = 1;
  void* value = base + member.offset;
  if (member.flags & MemberFlag::boxed) return ops(type(member.type)).emplace(value, {});
  return value;
}

const MemberEntry* Walker::find(const StructEntry& s, std::string_view name, unsigned& hint,
                                PoolRef MemberEntry::* which) const {
  const MemberEntry* first = members(s);
  for (unsigned i = 0; i < s.member_count; ++i) {
    const unsigned at = (hint + i) % s.member_count;
    if (text(first[at].*which) == name) {
      hint = at + 1;
      return first + at;
    }
  }
  return nullptr;
}

bool Walker::require_members(const StructEntry& s, const SeenMembers& seen) {
  if (!check_required) return true;
  const MemberEntry* member = members(s);
  for (unsigned i = 0; i < s.member_count; ++i, ++member) {
    if (!(member->flags & MemberFlag::required) || seen.test(i) || type(member->type).kind >= Kind::stream) continue;
    std::string name(text(member->name));
    switch (protocol) {
      case Protocol::ec2_query:
        return fail("MissingParameter", "The request must contain the parameter " + std::string(text(member->form)));
      case Protocol::rest_xml:
        if (member->location == Location::body || member->location == Location::payload)
          return fail("MalformedXML",
                      "The XML you provided was not well-formed or did not validate against our published schema");
        return fail("InvalidRequest", "Missing required parameter " + name);
      default:
        // AWS: names are told as its own code has them.
        if (name[0] >= 'A' && name[0] <= 'Z') name[0] |= 32;
        return fail(schema.validation_error, "1 validation error detected: Value at '" + name +
                                                 "' failed to satisfy constraint: Member must not be null");
    }
  }
  return true;
}

std::string_view Walker::malformed_code() const {
  switch (protocol) {
    case Protocol::rest_xml:
      return "MalformedXML";
    case Protocol::ec2_query:
      return "InvalidParameterValue";
    case Protocol::query:
      return "MalformedInput";
    default:
      return "SerializationException";
  }
}

void Walker::append_scalar(const TypeEntry& t, const void* value, std::string& out, TimestampFormat otherwise) const {
  switch (t.kind) {
    case Kind::boolean:
      out += as<bool>(value) ? "true" : "false";
      return;
    case Kind::i32:
      append_integer(out, as<std::int32_t>(value));
      return;
    case Kind::i64:
      append_integer(out, as<std::int64_t>(value));
      return;
    case Kind::f32:
      append_float(out, as<float>(value));
      return;
    case Kind::f64:
      append_double(out, as<double>(value));
      return;
    case Kind::string:
      out += as<std::string>(value);
      return;
    case Kind::blob:
      out += to_base64(as<Blob>(value).data);
      return;
    case Kind::timestamp:
      append_timestamp(out, as<Timestamp>(value), t.timestamp != TimestampFormat::unset ? t.timestamp : otherwise);
      return;
    default:
      return;
  }
}

bool Walker::parse_scalar(const TypeEntry& t, std::string_view input, void* value) {
  std::int64_t integer = 0;
  double number = 0;
  bool good = true;
  switch (t.kind) {
    case Kind::boolean:
      if (input == "true" || input == "True" || input == "TRUE" || input == "1")
        as<bool>(value) = true;
      else if (input == "false" || input == "False" || input == "FALSE" || input == "0")
        as<bool>(value) = false;
      else
        good = false;
      break;
    case Kind::i32:
      good = parse_integer(input, integer) && integer == static_cast<std::int32_t>(integer);
      if (good) as<std::int32_t>(value) = static_cast<std::int32_t>(integer);
      break;
    case Kind::i64:
      good = parse_integer(input, integer);
      if (good) as<std::int64_t>(value) = integer;
      break;
    case Kind::f32:
      good = parse_double(input, number);
      if (good) as<float>(value) = static_cast<float>(number);
      break;
    case Kind::f64:
      good = parse_double(input, number);
      if (good) as<double>(value) = number;
      break;
    case Kind::string:
      good = is_utf8(input);
      if (good) as<std::string>(value).assign(input);
      break;
    case Kind::blob: {
      auto bytes = from_base64(input);
      good = bytes.has_value();
      if (good) as<Blob>(value).data = std::move(*bytes);
      break;
    }
    case Kind::timestamp:
      good = parse_timestamp(input, as<Timestamp>(value));
      break;
    default:
      break;
  }
  if (good) return true;
  std::string shown(input.substr(0, 64));
  if (!is_utf8(shown)) shown = "(not UTF-8)";
  return fail(malformed_code(), "Cannot read the value '" + shown + "'.");
}

}  // namespace hearth::wire
