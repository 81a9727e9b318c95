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

}  // namespace hearth::s3
