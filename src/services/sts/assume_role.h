// What AssumeRole touches; declared apart because registration needs it as well.
#pragma once

#include <vector>

#include "api/sts/types.h"
#include "ports/service.h"

namespace hearth {

template <>
struct AccessRule<api::sts::op::AssumeRole> {
  // AWS: session tags and a source identity each need an action of their own, on the same role.
  static std::vector<Access> of(const RequestContext& ctx, const api::sts::AssumeRoleRequest& in);
};

}  // namespace hearth
