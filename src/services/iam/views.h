// Rows as the API shows them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/iam/types.h"
#include "services/iam/names.h"
#include "services/iam/rows.h"

namespace hearth::iam {

api::iam::User user_view(std::string_view account_id, const UserRow& row);
api::iam::Group group_view(std::string_view account_id, const GroupRow& row);
// With the trust policy as trust.h shows it.
api::iam::Role role_view(std::string_view account_id, const RoleRow& row, std::string_view trust_policy);
std::vector<api::iam::Tag> tags_view(const Tags& tags);

}  // namespace hearth::iam
