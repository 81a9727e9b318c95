// Canonical user ids: how S3 names an account.
#pragma once

#include <string>
#include <string_view>

#include "api/s3/types.h"

namespace hearth::s3 {

// 64 hex digits, always the same for one account.
std::string canonical_user_id(std::string_view account_id);
api::s3::Owner owner_of(std::string_view account_id);
// The one grant of every access control list: all, to the owner.
api::s3::Grant owners_grant(std::string_view account_id);

}  // namespace hearth::s3
