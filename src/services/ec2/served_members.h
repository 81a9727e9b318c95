// Which members of its requests each operation looks at. EC2's requests have hundreds, and more with every release of
// the model: a member that served_members.cpp does not name is refused where a request gives it a value that asks for
// something, never passed over.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "services/ec2/filters.h"

namespace hearth::ec2 {

// `operation` is an index into the tables, `request` its input. Unsupported, with the member's name. A value that asks
// for nothing (false, 0, an empty text or list) passes.
Result<void> refuse_unserved_members(std::size_t operation, const void* request);

// What every handler begins with.
template <class Op>
Result<void> check_request(const typename Op::Input& in) {
  TRY_DO(refuse_unserved_members(Op::index, &in));
  return check_dry_run(in.dry_run);
}

}  // namespace hearth::ec2
