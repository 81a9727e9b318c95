// How the codecs of this folder move through a structure by its tables. Internal to src/wire.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/schema.h"

namespace hearth::wire {

inline constexpr int depth_max = 48;

template <class T>
T& as(void* value) {
  return *static_cast<T*>(value);
}
template <class T>
const T& as(const void* value) {
  return *static_cast<const T*>(value);
}

// Which members of a structure were seen. Structures have at most 256 members (codegen checks).
class SeenMembers {
 public:
  void set(std::size_t index) { words_[index >> 6] |= 1ull << (index & 63); }
  bool test(std::size_t index) const { return words_[index >> 6] >> (index & 63) & 1; }

 private:
  std::uint64_t words_[4] = {};
};

struct Walker {
  const ServiceSchema& schema;
  Protocol protocol;
  bool canonical = false;      // model names, every member in the body (wire/codec.h, to_json)
  bool check_required = true;  // false when decoding what a server sent
  std::optional<Error> error = {};

  const TypeEntry& type(std::size_t index) const { return schema.types[index]; }
  const StructEntry& structure(std::size_t index) const { return schema.structs[index]; }
  const MemberEntry* members(const StructEntry& s) const { return schema.members + s.first_member; }
  const ListOps& ops(const TypeEntry& t) const { return schema.list_ops[t.ops]; }
  std::string_view text(PoolRef ref) const { return schema.text(ref); }

  // Keeps the first error. Returns false, so that `return walker.fail(…)` ends a decoder.
  bool fail(std::string_view code, std::string message) {
    if (!error) error = Error::aws(std::string(code), 400, std::move(message));
    return false;
  }
  Result<void> result(bool good) {
    if (good) return ok;
    return error ? std::move(*error) : Error::aws("SerializationException", 400, "The request could not be read.");
  }

  // The member's value, or null when it is not there or not part of a body.
  const void* present(const MemberEntry& member, const void* structure) const;
  // The member's value, made present.
  void* make(const MemberEntry& member, void* structure) const;
  // By its name on this wire; `hint` makes members that come in order cheap.
  const MemberEntry* find(const StructEntry& s, std::string_view name, unsigned& hint,
                          PoolRef MemberEntry::* which) const;
  bool require_members(const StructEntry& s, const SeenMembers& seen);

  void append_scalar(const TypeEntry& type, const void* value, std::string& out, TimestampFormat otherwise) const;
  bool parse_scalar(const TypeEntry& type, std::string_view text, void* value);

  std::string_view malformed_code() const;  // of this protocol
};

// rest_xml.cpp
void append_xml_members(const Walker& walker, const StructEntry& s, const void* value, std::string& out);
void append_xml_value(const Walker& walker, const TypeEntry& type, const void* value, std::string& out);
bool parse_xml_structure(Walker& walker, const StructEntry& s, std::string_view body, std::string_view wrapper,
                         void* value, SeenMembers& seen);
bool parse_xml_value(Walker& walker, const TypeEntry& type, std::string_view body, void* value);

// json.cpp
void append_json_structure(const Walker& walker, const StructEntry& s, const void* value, std::string& out);
void append_json_value(const Walker& walker, const TypeEntry& type, const void* value, std::string& out);
bool parse_json_structure(Walker& walker, const StructEntry& s, std::string_view body, void* value, SeenMembers& seen);
bool parse_json_value(Walker& walker, const TypeEntry& type, std::string_view body, void* value);

// rpc_cbor.cpp
void append_cbor_structure(const Walker& walker, const StructEntry& s, const void* value, std::string& out);
bool parse_cbor_structure(Walker& walker, const StructEntry& s, std::string_view body, void* value, SeenMembers& seen);
void append_cbor_error(std::string& out, std::string_view code, std::string_view message);

// query.cpp
void append_form_structure(const Walker& walker, std::uint16_t structure, const void* value, std::string& out);
bool parse_form_structure(Walker& walker, const StructEntry& s, std::string_view form, void* value, SeenMembers& seen);

}  // namespace hearth::wire
