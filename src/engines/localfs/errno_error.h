// errno as an Error in the words of a blob store. Private to engines/localfs.
#pragma once

#include "base/file.h"

namespace hearth::localfs {

// `step` names what failed; it only goes into the log.
inline Error errno_error(std::string_view step, int number = errno) {
  if (number == ENOENT) return Error(ErrorKind::not_found, "no such blob", step);
  return disk_error("the blob store is not available", step, number);
}

}  // namespace hearth::localfs
