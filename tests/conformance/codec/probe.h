// The operations of one service as the probe needs them: how to make and drop an Input and an Output.
#pragma once

#include <memory>
#include <vector>

#include "wire/schema.h"

namespace hearth::probe {

using Value = std::shared_ptr<void>;

struct Operation {
  std::string_view name;
  Value (*make_input)();
  Value (*make_output)();
};

struct Service {
  const wire::ServiceSchema& schema;
  std::vector<Operation> operations;  // in the order of the schema's own table
};

template <class Op>
Operation operation() {
  return {Op::name, []() -> Value { return std::make_shared<typename Op::Input>(); },
          []() -> Value { return std::make_shared<typename Op::Output>(); }};
}

}  // namespace hearth::probe
