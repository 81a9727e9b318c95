// The regular expressions of the API models, as validate() (codec.h) compiles them. For tests: a pattern that does not
// compile refuses nothing, so every one of them must.
#pragma once

#include <string_view>
#include <vector>

#include "wire/schema.h"

namespace hearth::wire {

// Of the inputs and outputs of all operations that are served.
std::vector<std::string_view> patterns(const ServiceSchema& service);
bool pattern_compiles(std::string_view pattern);

}  // namespace hearth::wire
