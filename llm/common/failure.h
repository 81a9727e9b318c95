// Why a workload program cannot go on. Thrown inside llm/, caught in main(), which prints the message and exits with
// the kind's number.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "base/result.h"

namespace hearth::llm {

enum class FailureKind : int {
  usage = 2,    // the command line
  input = 3,    // a dataset, a model or a tokenizer
  storage = 4,  // a file or object that cannot be read or written
};

class Failure : public std::runtime_error {
 public:
  Failure(FailureKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  FailureKind kind() const { return kind_; }

 private:
  FailureKind kind_;
};

template <class... Parts>
[[noreturn]] void fail(FailureKind kind, fmt::format_string<Parts...> format, Parts&&... parts) {
  throw Failure(kind, fmt::format(format, std::forward<Parts>(parts)...));
}

template <class T>
T value_or_fail(Result<T> result, FailureKind kind) {
  if (!result) fail(kind, "{}", result.error().message());
  return *std::move(result);
}

}  // namespace hearth::llm
