// Made by codegen/ from the official model of toy and models/toy.json. Not to be edited.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wire/values.h"

namespace hearth::api::toy {

struct Colour {
  static constexpr std::string_view red{"red"};
  static constexpr std::string_view dark_green{"dark-green"};
  static constexpr std::string_view _2tone{"2tone"};
};

struct ToyCounts;
struct PaintToyRequest;
struct Toy;
struct ToyNotFoundException;
struct ToyCounts {
  wire::Map<std::int64_t> counts{};
};
struct PaintToyRequest {
  std::string name{};
  wire::Opt<std::string> colour;
  wire::Opt<bool> default_;
};
struct Toy {
  wire::Opt<std::string> name;
  wire::Opt<wire::Timestamp> painted_at;
  wire::Opt<std::vector<Toy>> parts;
  wire::Opt<wire::Box<api::toy::Toy>> twin;
  wire::Opt<wire::Blob> picture;
};
struct ToyNotFoundException {
  wire::Opt<std::string> message;
};

namespace op {
struct CountToys {
  using Input = hearth::wire::Unit;
  using Output = api::toy::ToyCounts;
  static constexpr std::uint16_t index = 0;
  static constexpr std::string_view name{"CountToys"};
};
struct PaintToy {
  using Input = api::toy::PaintToyRequest;
  using Output = api::toy::Toy;
  static constexpr std::uint16_t index = 1;
  static constexpr std::string_view name{"PaintToy"};
};
}  // namespace op

}  // namespace hearth::api::toy
