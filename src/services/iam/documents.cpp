#include "services/iam/documents.h"

#include "api/iam/errors.h"
#include "base/text.h"
#include "services/iam/policy/document.h"

namespace hearth::iam {
namespace {

namespace errors = api::iam::errors;

constexpr std::size_t trust_policy_size_max = 2048;
constexpr std::size_t managed_policy_size_max = 6144;
constexpr std::size_t user_inline_size_max = 2048;
constexpr std::size_t group_inline_size_max = 5120;
constexpr std::size_t role_inline_size_max = 10240;

Result<policy::Policy> parse(std::string_view document, policy::DocumentKind kind) {
  Result<policy::Policy> policy = policy::parse_policy(document, kind);
  if (!policy) return errors::malformed_policy_document(policy.error().message());
  return policy;
}
Result<void> check(std::string_view document, policy::DocumentKind kind) {
  TRY_DO(parse(document, kind));
  return ok;
}

Result<void> check_total(const Permissions& permissions, std::size_t size_max, std::string_view kind,
                         std::string_view name) {
  std::size_t size = 0;
  for (const auto& [policy_name, document] : permissions.inline_policies)
    size += policy::size_without_whitespace(document);
  if (size <= size_max) return ok;
  return errors::limit_exceeded("Maximum policy size of " + std::to_string(size_max) + " bytes exceeded for " +
                                std::string(kind) + " " + std::string(name));
}

}  // namespace

Result<void> check_identity_policy(std::string_view document) {
  return check(document, policy::DocumentKind::identity);
}

Result<void> check_trust_policy(std::string_view document) {
  TRY(const policy::Policy policy, parse(document, policy::DocumentKind::trust));
  for (const policy::Statement& statement : policy.statements)
    for (const policy::ActionPattern& action : statement.actions)
      if (!to_lower(action.text()).starts_with("sts:"))
        return errors::malformed_policy_document("AssumeRole policy may only specify STS AssumeRole actions.");
  if (policy::size_without_whitespace(document) > trust_policy_size_max)
    return errors::limit_exceeded("Cannot exceed quota for ACLSizePerRole: 2048");
  return ok;
}

Result<void> check_managed_policy(std::string_view document) {
  TRY_DO(check_identity_policy(document));
  if (policy::size_without_whitespace(document) > managed_policy_size_max)
    return errors::limit_exceeded("Cannot exceed quota for PolicySize: 6144");
  return ok;
}

Result<void> check_inline_size(const UserRow& user) {
  return check_total(user.permissions, user_inline_size_max, UserRow::kind, user.name);
}
Result<void> check_inline_size(const GroupRow& group) {
  return check_total(group.permissions, group_inline_size_max, GroupRow::kind, group.name);
}
Result<void> check_inline_size(const RoleRow& role) {
  return check_total(role.permissions, role_inline_size_max, RoleRow::kind, role.name);
}

}  // namespace hearth::iam
