// Made by codegen/: the tables of toy. Not to be edited.
#pragma once

#include "wire/schema.h"

namespace hearth::api::toy {
extern const wire::ServiceSchema schema;
}  // namespace hearth::api::toy
