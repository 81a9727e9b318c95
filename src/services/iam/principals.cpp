// What a user or a role may do, gathered from its own row, its groups' and the policies they name.
#include <utility>

#include "services/iam/entities.h"
#include "services/iam/managed_policies.h"
#include "services/iam/names.h"
#include "services/iam/service.h"

namespace hearth::iam {

Result<IamService::PolicyPtr> IamService::parsed(std::string_view document, policy::DocumentKind kind) const {
  std::string key(1, static_cast<char>('0' + static_cast<int>(kind)));
  key += document;
  if (PolicyPtr cached = documents_.find(key)) return cached;
  const auto ticket = documents_.ticket();
  TRY(policy::Policy policy, policy::parse_policy(document, kind));
  auto shared = std::make_shared<const policy::Policy>(std::move(policy));
  documents_.put(std::move(key), shared, ticket);
  return PolicyPtr(shared);
}

Async<std::string> IamService::managed_policy_document(std::string_view account_id, std::string_view policy_arn) {
  if (const AwsManagedPolicy* policy = find_aws_managed_policy(policy_arn)) co_return std::string(policy->document);
  const EntityName name = parse_entity_arn(policy_arn);
  Error missing = errors::no_such_entity("Policy " + std::string(policy_arn) + " was not found.");
  if (name.type != "policy" || name.account_id != account_id) co_return missing;
  Result<PolicyRow> row = co_await find_entity<PolicyRow>(store_, account_id, name.name);
  if (!row || row->path != name.path) co_return missing;
  const PolicyVersionRow* version = row->find_version(row->default_version_id);
  if (!version) co_return missing;
  co_return version->document;
}

Async<void> IamService::add_permissions(std::string_view account_id, const Permissions& permissions, std::string owner,
                                        PrincipalPolicies& into) {
  for (const auto& [name, document] : permissions.inline_policies) {
    CO_TRY(PolicyPtr policy, parsed(document, policy::DocumentKind::identity));
    into.identity.push_back({std::move(policy), "inline policy " + name + " of " + owner, name});
  }
  for (const std::string& policy_arn : permissions.attached_policy_arns) {
    CO_TRY(const std::string document, co_await managed_policy_document(account_id, policy_arn));
    CO_TRY(PolicyPtr policy, parsed(document, policy::DocumentKind::identity));
    into.identity.push_back({std::move(policy), "managed policy " + policy_arn + " attached to " + owner, policy_arn});
  }
  if (!permissions.boundary_arn.empty()) {
    CO_TRY(const std::string document, co_await managed_policy_document(account_id, permissions.boundary_arn));
    CO_TRY(PolicyPtr policy, parsed(document, policy::DocumentKind::identity));
    into.boundary.push_back({std::move(policy),
                             "managed policy " + permissions.boundary_arn + ", the boundary of " + owner,
                             permissions.boundary_arn});
  }
  co_return ok;
}

Async<IamService::PoliciesPtr> IamService::load_user_policies(std::string_view account_id, std::string_view name) {
  CO_TRY(const UserRow user, co_await find_entity<UserRow>(store_, account_id, name));
  auto policies = std::make_shared<PrincipalPolicies>();
  policies->id = user.id;
  policies->tags = user.tags;
  CO_TRY_DO(co_await add_permissions(account_id, user.permissions, "user " + user.name, *policies));
  for (const std::string& group_name : user.groups) {
    CO_TRY(const GroupRow group, co_await find_entity<GroupRow>(store_, account_id, group_name));
    CO_TRY_DO(co_await add_permissions(account_id, group.permissions, "group " + group.name, *policies));
  }
  co_return PoliciesPtr(policies);
}

Async<IamService::PoliciesPtr> IamService::load_role_policies(std::string_view account_id, std::string_view name) {
  CO_TRY(const RoleRow role, co_await find_entity<RoleRow>(store_, account_id, name));
  auto policies = std::make_shared<PrincipalPolicies>();
  policies->id = role.id;
  policies->tags = role.tags;
  policies->session_seconds_max = role.session_seconds_max;
  CO_TRY_DO(co_await add_permissions(account_id, role.permissions, "role " + role.name, *policies));
  co_return PoliciesPtr(policies);
}

Async<IamService::PoliciesPtr> IamService::policies_of(std::string kind, std::string account_id, std::string name) {
  std::string key = kind + "/" + account_id + "/" + name;
  if (PoliciesPtr cached = principals_.find(key)) co_return cached;
  const auto ticket = principals_.ticket();
  // Two names, then one await: the branches give the same type.
  Result<PoliciesPtr> loaded = kind == UserRow::kind ? co_await load_user_policies(account_id, name)
                                                     : co_await load_role_policies(account_id, name);
  if (!loaded) co_return std::move(loaded).error();
  principals_.put(std::move(key), *loaded, ticket);
  co_return *loaded;
}

void IamService::forget_cached() {
  keys_.forget();
  sessions_.forget();
  tokens_.forget();
  principals_.forget();
}

}  // namespace hearth::iam
