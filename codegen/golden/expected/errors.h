// Made by codegen/: errors of toy with their HTTP status. Not to be edited.
#pragma once

#include <string>

#include "base/result.h"

namespace hearth::api::toy::errors {

inline hearth::Error toy_is_wet_exception(std::string message = "The paint is still \"wet\".") { return hearth::Error::aws("ToyIsWetException", 409, std::move(message)); }
inline hearth::Error toy_not_found_exception(std::string message) { return hearth::Error::aws("ToyNotFoundException", 404, std::move(message)); }

}  // namespace hearth::api::toy::errors
