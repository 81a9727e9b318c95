#include "services/s3/owner.h"

#include "base/bytes.h"

namespace hearth::s3 {

std::string canonical_user_id(std::string_view account_id) {
  return to_hex(sha256("canonical user of account " + std::string(account_id)));
}

api::s3::Owner owner_of(std::string_view account_id) {
  api::s3::Owner owner;
  owner.id = canonical_user_id(account_id);
  return owner;
}

api::s3::Grant owners_grant(std::string_view account_id) {
  api::s3::Grant grant;
  grant.grantee.emplace();
  grant.grantee->id = canonical_user_id(account_id);
  grant.grantee->type = api::s3::Type::CanonicalUser;
  grant.permission = std::string(api::s3::Permission::FULL_CONTROL);
  return grant;
}

}  // namespace hearth::s3
