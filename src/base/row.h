// Rows of the metadata store: a struct described with BOOST_DESCRIBE_STRUCT to compact JSON and back.
// Members may be bool, integers, double, std::string (UTF-8), std::optional, std::vector, std::map<std::string, …>,
// enums (stored as numbers) and described structs. Members missing from stored JSON keep their default, so a struct may
// grow.
//
//   struct UserRow { std::string name; std::int64_t created_ms = 0; };
//   BOOST_DESCRIBE_STRUCT(UserRow, (), (name, created_ms))
//   tx.put(key, row::encode(user));   CO_TRY(const auto user, row::decode<UserRow>(bytes));
#pragma once

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace hearth::row {
namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_map = false;
template <class T>
inline constexpr bool is_map<std::map<std::string, T>> = true;

template <class T>
boost::json::value to_json(const T& value) {
  if constexpr (std::is_same_v<T, bool> || std::is_arithmetic_v<T>) {
    return value;
  } else if constexpr (std::is_enum_v<T>) {
    return static_cast<std::int64_t>(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return boost::json::string(value);
  } else if constexpr (is_optional<T>) {
    return value ? to_json(*value) : boost::json::value(nullptr);
  } else if constexpr (is_vector<T>) {
    boost::json::array array;
    array.reserve(value.size());
    for (const auto& element : value) array.push_back(to_json<typename T::value_type>(element));
    return array;
  } else if constexpr (is_map<T>) {
    boost::json::object object;
    for (const auto& [key, element] : value) object.emplace(key, to_json(element));
    return object;
  } else {
    boost::json::object object;
    boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_any_access>>([&](auto member) {
      const auto& field = value.*member.pointer;
      if constexpr (is_optional<std::remove_cvref_t<decltype(field)>>)
        if (!field) return;
      object.emplace(member.name, to_json(field));
    });
    return object;
  }
}

template <class T>
bool from_json(const boost::json::value& json, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_bool()) return false;
    value = json.get_bool();
  } else if constexpr (std::is_enum_v<T>) {
    if (!json.is_int64()) return false;
    value = static_cast<T>(json.get_int64());
  } else if constexpr (std::is_arithmetic_v<T>) {
    boost::system::error_code error;
    value = json.to_number<T>(error);
    return !error;
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string()) return false;
    value.assign(json.get_string().data(), json.get_string().size());
  } else if constexpr (is_optional<T>) {
    if (json.is_null()) return value.reset(), true;
    return from_json(json, value.emplace());
  } else if constexpr (is_vector<T>) {
    if (!json.is_array()) return false;
    value.clear();
    for (const auto& element : json.get_array()) {
      typename T::value_type item{};
      if (!from_json(element, item)) return false;
      value.push_back(std::move(item));
    }
  } else if constexpr (is_map<T>) {
    if (!json.is_object()) return false;
    value.clear();
    for (const auto& [key, element] : json.get_object())
      if (!from_json(element, value[std::string(key)])) return false;
  } else {
    if (!json.is_object()) return false;
    const boost::json::object& object = json.get_object();
    bool good = true;
    boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_any_access>>([&](auto member) {
      if (const auto* field = object.if_contains(member.name)) good = good && from_json(*field, value.*member.pointer);
    });
    return good;
  }
  return true;
}

}  // namespace detail

template <class T>
std::string encode(const T& value) {
  return boost::json::serialize(detail::to_json(value));
}

// ErrorKind::corrupt when the bytes are not JSON of this shape.
template <class T>
Result<T> decode(std::string_view bytes) {
  boost::system::error_code error;
  const boost::json::value json = boost::json::parse(bytes, error);
  T value{};
  if (error || !detail::from_json(json, value))
    return Error(ErrorKind::corrupt, "internal error", "stored row does not decode");
  return value;
}

}  // namespace hearth::row
