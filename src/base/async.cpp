#include "base/async.h"

#include <exception>

namespace hearth::detail {

Error escaped_exception() noexcept {
  try {
    throw;
  } catch (const std::exception& e) {
    return Error(ErrorKind::internal, "internal error", e.what());
  } catch (...) {
    return Error(ErrorKind::internal, "internal error", "unknown exception");
  }
}

}  // namespace hearth::detail
