// The tables codegen/ makes of an API model, and nothing else: pointer-free rows that index each other, so that they
// cost no relocations and the linker folds them into read-only pages. One codec per protocol walks them in both
// directions (wire/codec.h). Strings are references into one pool: offset in the low 24 bits, length in the top byte
// (255: ends at NUL).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "wire/values.h"

namespace hearth::wire {

inline constexpr std::uint16_t no_index = 0xffff;
using PoolRef = std::uint32_t;

enum class Kind : std::uint8_t {
  boolean,
  i32,
  i64,
  f32,
  f64,
  string,
  blob,
  timestamp,
  list,
  map,
  structure,
  document,
  stream,
  events
};
enum class TimestampFormat : std::uint8_t { unset, iso8601, http_date, unix_seconds };
enum class Location : std::uint8_t { body, header, headers, query, label, status, payload };
enum class Protocol : std::uint8_t { rest_xml, query, ec2_query, json, rest_json, rpc_cbor };

namespace ProtocolSet {
inline constexpr std::uint8_t rest_xml = 1, query = 2, ec2_query = 4, json = 8, rest_json = 16, rpc_cbor = 32;
}
namespace TypeFlag {
inline constexpr std::uint8_t flattened = 1, sensitive = 2, union_ = 4;
}
namespace MemberFlag {
inline constexpr std::uint8_t required = 1, flattened = 2, attribute = 4, idempotency = 8, boxed = 16, plain = 32;
}
namespace StructFlag {
inline constexpr std::uint16_t union_ = 1;
}
namespace OperationFlag {
inline constexpr std::uint16_t unsigned_ = 1, deprecated = 2, streams_input = 4;
}

struct TypeEntry {
  Kind kind;
  TimestampFormat timestamp;
  std::uint16_t flags;
  PoolRef element_name;  // XML name of list elements or map values
  PoolRef key_name;      // XML name of map keys
  // Type of elements or values; for Kind::structure and Kind::events the index of the structure.
  std::uint16_t element;
  std::uint16_t key;
  std::uint16_t ops;         // index into list_ops
  std::uint16_t constraint;  // 0: none
};

struct MemberEntry {
  PoolRef name;  // in the model: JSON of our own, CBOR
  PoolRef wire;  // locationName: XML, JSON, headers, query strings, labels
  PoolRef form;  // query and ec2 protocols
  PoolRef xmlns;
  std::uint16_t type;
  std::uint16_t offset;      // of the value in the structure
  std::uint16_t has_offset;  // of the bool that says it is there; no_index: always there
  Location location;
  std::uint8_t flags;
};

struct StructEntry {
  PoolRef name;
  PoolRef root;  // XML root element where it is not the structure's name
  std::uint16_t first_member;
  std::uint16_t member_count;
  std::uint16_t payload;  // member that is the whole body, or no_index
  std::uint16_t flags;
};

struct OperationEntry {
  PoolRef name, method, uri;
  PoolRef result_wrapper;  // query: <ActionResult>
  PoolRef request_root;    // rest-xml: root element of the request body
  PoolRef request_xmlns;
  PoolRef host_prefix;
  std::uint16_t input, output;  // structures, or no_index
  std::uint16_t status;
  std::uint16_t flags;
};

struct UnservedEntry {
  PoolRef name, method, uri;
};

struct ConstraintEntry {
  double min = 0, max = 0;  // of numbers, or of the length in characters, bytes or elements
  PoolRef pattern = 0;
  std::uint32_t first_enum = 0, enum_count = 0;
};

// What a vector, map or box of one element type can do. The only code there is per type.
struct ListView {
  const char* data;
  std::size_t count;
};
struct ListOps {
  void* (*emplace)(void* list, std::string_view key) = nullptr;  // appends an element, returns its address
  ListView (*view)(const void* list) = nullptr;
  std::uint32_t stride = 0;
  std::uint32_t value_offset = 0;  // of the value in a map's pair; the key is at 0
};

template <class T>
constexpr ListOps list_ops() {
  return {[](void* list, std::string_view) -> void* { return &static_cast<std::vector<T>*>(list)->emplace_back(); },
          [](const void* list) -> ListView {
            const auto& vector = *static_cast<const std::vector<T>*>(list);
            return {reinterpret_cast<const char*>(vector.data()), vector.size()};
          },
          sizeof(T), 0};
}
template <class T>
constexpr ListOps map_ops() {
  using Pair = std::pair<std::string, T>;
  return {[](void* map, std::string_view key) -> void* {
            return &static_cast<Map<T>*>(map)->items.emplace_back(std::string(key), T{}).second;
          },
          [](const void* map) -> ListView {
            const auto& items = static_cast<const Map<T>*>(map)->items;
            return {reinterpret_cast<const char*>(items.data()), items.size()};
          },
          sizeof(Pair), static_cast<std::uint32_t>(__builtin_offsetof(Pair, second))};
}
template <class T>
constexpr ListOps box_ops() {
  return {[](void* box, std::string_view) -> void* { return &static_cast<Box<T>*>(box)->get(); }, nullptr, 0, 0};
}

// One service's tables. Lives for ever (static storage).
struct ServiceSchema {
  std::string_view name;  // "s3"
  Protocol primary_protocol;
  std::uint8_t protocols;  // ProtocolSet
  std::string_view xml_namespace, target_prefix, api_version, signing_name, endpoint_prefix, json_version;
  bool query_compatible;  // answers x-amzn-query-error
  bool open_enums;        // enumerations accept values the model does not list
  std::string_view validation_error, not_implemented_error;
  std::string_view denied_error;  // where the service has a word of its own for "not allowed"; empty: its protocol's
  const char* pool;
  const TypeEntry* types;
  const MemberEntry* members;
  const StructEntry* structs;
  const OperationEntry* operations;
  const ConstraintEntry* constraints;
  const PoolRef* enum_values;
  const ListOps* list_ops;
  const UnservedEntry* unserved;  // operations we know and do not serve
  std::uint32_t operation_count, struct_count, unserved_count;

  std::string_view text(PoolRef ref) const {
    const std::size_t length = ref >> 24;
    const char* start = pool + (ref & 0xffffff);
    return length == 255 ? std::string_view(start) : std::string_view(start, length);
  }
};

}  // namespace hearth::wire
