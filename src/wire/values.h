// Values that generated API structures are made of. Part of wire/schema: generated code and its users include it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace hearth::wire {

struct Unit {};  // operations without input or output
struct Blob {
  std::string data;  // raw bytes
};
struct Document {
  std::string json;  // a free-form JSON value as text
};

struct Timestamp {
  std::int64_t ms = 0;
  Timestamp() = default;
  explicit Timestamp(std::int64_t milliseconds) : ms(milliseconds) {}
  Timestamp(TimePoint t) : ms(to_ms(t)) {}
  TimePoint time() const { return from_ms(ms); }
  auto operator<=>(const Timestamp&) const = default;
};

// A streaming body. Null: none.
using Stream = std::shared_ptr<ByteSource>;

// Like std::optional, with a layout the tables can name: the value is always constructed.
template <class T>
struct Opt {
  T v{};
  bool has = false;

  Opt() = default;
  Opt(T value) : v(std::move(value)), has(true) {}
  template <class U>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<std::remove_cvref_t<U>, Opt> &&
             !std::is_same_v<std::remove_cvref_t<U>, T>)
  Opt(U&& value) : v(std::forward<U>(value)), has(true) {}
  explicit operator bool() const { return has; }
  bool has_value() const { return has; }
  T& operator*() { return v; }
  const T& operator*() const { return v; }
  T* operator->() { return &v; }
  const T* operator->() const { return &v; }
  T& emplace() {
    v = T{};
    has = true;
    return v;
  }
  template <class U>
  T value_or(U&& otherwise) const {
    return has ? v : T(std::forward<U>(otherwise));
  }
  void reset() {
    v = T{};
    has = false;
  }
};

// In the order it came; keys are unique by the caller's care.
template <class T>
struct Map {
  std::vector<std::pair<std::string, T>> items;

  const T* find(std::string_view key) const {
    for (const auto& item : items)
      if (item.first == key) return &item.second;
    return nullptr;
  }
  T& operator[](std::string_view key) {
    for (auto& item : items)
      if (item.first == key) return item.second;
    return items.emplace_back(std::string(key), T{}).second;
  }
  bool empty() const { return items.empty(); }
  std::size_t size() const { return items.size(); }
  auto begin() const { return items.begin(); }
  auto end() const { return items.end(); }
};

// A member whose type holds itself.
template <class T>
struct Box {
  std::unique_ptr<T> value;

  Box() = default;
  Box(const Box& other) : value(other.value ? std::make_unique<T>(*other.value) : nullptr) {}
  Box(Box&&) noexcept = default;
  Box& operator=(const Box& other) {
    value = other.value ? std::make_unique<T>(*other.value) : nullptr;
    return *this;
  }
  Box& operator=(Box&&) noexcept = default;
  T& get() {
    if (!value) value = std::make_unique<T>();
    return *value;
  }
  const T& get() const { return *value; }
};

}  // namespace hearth::wire
