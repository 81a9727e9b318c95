// https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachUserPolicy.html and its kin. Users, groups and roles
// behave alike, so the three of each live in one template.
#include <algorithm>

#include "services/iam/access.h"
#include "services/iam/change.h"
#include "services/iam/managed_policies.h"
#include "services/iam/service.h"

namespace hearth {

namespace op = api::iam::op;
template <>
struct AccessRule<op::AttachUserPolicy> : iam::OnUser<op::AttachUserPolicy> {};
template <>
struct AccessRule<op::AttachGroupPolicy> : iam::OnGroup<op::AttachGroupPolicy> {};
template <>
struct AccessRule<op::AttachRolePolicy> : iam::OnRole<op::AttachRolePolicy> {};
template <>
struct AccessRule<op::DetachUserPolicy> : iam::OnUser<op::DetachUserPolicy> {};
template <>
struct AccessRule<op::DetachGroupPolicy> : iam::OnGroup<op::DetachGroupPolicy> {};
template <>
struct AccessRule<op::DetachRolePolicy> : iam::OnRole<op::DetachRolePolicy> {};
template <>
struct AccessRule<op::ListAttachedUserPolicies> : iam::OnUser<op::ListAttachedUserPolicies> {};
template <>
struct AccessRule<op::ListAttachedGroupPolicies> : iam::OnGroup<op::ListAttachedGroupPolicies> {};
template <>
struct AccessRule<op::ListAttachedRolePolicies> : iam::OnRole<op::ListAttachedRolePolicies> {};

namespace iam {
namespace {

constexpr std::size_t attached_count_max = 10;

template <class Row>
Async<void> attach(MetadataStore& store, std::string account_id, std::string name, std::string policy_arn) {
  const bool is_aws = find_aws_managed_policy(policy_arn) != nullptr;
  const EntityName policy = parse_entity_arn(policy_arn);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(Row row, co_await find_entity<Row>(tx, account_id, name));
    if (!is_aws) {
      // Read in this transaction: a policy deleted meanwhile makes it conflict.
      Result<PolicyRow> found = policy.type == "policy" && policy.account_id == account_id
                                    ? co_await find_entity<PolicyRow>(tx, account_id, policy.name)
                                    : Result<PolicyRow>(no_such<PolicyRow>(policy.name));
      if (!found || found->path != policy.path)
        co_return errors::no_such_entity("Policy " + policy_arn + " does not exist or is not attachable.");
    }
    std::vector<std::string>& attached = row.permissions.attached_policy_arns;
    if (std::ranges::find(attached, policy_arn) != attached.end()) co_return ok;
    if (attached.size() >= attached_count_max)
      co_return errors::limit_exceeded("Cannot exceed quota for PoliciesPer" +
                                       std::string(Row::kind == "user"    ? "User"
                                                   : Row::kind == "group" ? "Group"
                                                                          : "Role") +
                                       ": 10");
    attached.push_back(policy_arn);
    put_entity(tx, account_id, row);
    tx.put(attached_key(account_id, policy_arn, PolicyUse::permissions, Row::kind, row.name), "");
    co_return ok;
  };
  co_return co_await transact(store, body);
}

template <class Row>
Async<void> detach(MetadataStore& store, std::string account_id, std::string name, std::string policy_arn) {
  const auto remove = [&](Transaction& tx, Row& row) -> Result<void> {
    if (std::erase(row.permissions.attached_policy_arns, policy_arn) == 0)
      return errors::no_such_entity("Policy " + policy_arn + " was not found.");
    tx.remove(attached_key(account_id, policy_arn, PolicyUse::permissions, Row::kind, row.name));
    return ok;
  };
  CO_TRY_DO(co_await change_entity<Row>(store, account_id, name, remove));
  co_return ok;
}

template <class Output, class Row, class In>
Result<Output> listing(const Row& row, const In& in) {
  TRY(const PageRequest request, page_request(in));
  const std::string path_prefix = in.path_prefix.value_or("/");
  std::vector<std::string> policy_arns = row.permissions.attached_policy_arns;
  std::ranges::sort(policy_arns);
  std::erase_if(policy_arns,
                [&](const std::string& arn) { return !parse_entity_arn(arn).path.starts_with(path_prefix); });
  const Page<std::string> page = cut_page(std::move(policy_arns), request, [](const std::string& arn) { return arn; });
  Output out;
  auto& attached = out.attached_policies.emplace();
  for (const std::string& policy_arn : page.items) {
    api::iam::AttachedPolicy policy;
    policy.policy_arn = policy_arn;
    policy.policy_name = parse_entity_arn(policy_arn).name;
    attached.push_back(std::move(policy));
  }
  set_page(page, out);
  return out;
}

}  // namespace

void IamService::register_attached_policies(OperationTable& table) {
  table.serve<op::AttachUserPolicy>(*this, &IamService::attach_user_policy);
  table.serve<op::AttachGroupPolicy>(*this, &IamService::attach_group_policy);
  table.serve<op::AttachRolePolicy>(*this, &IamService::attach_role_policy);
  table.serve<op::DetachUserPolicy>(*this, &IamService::detach_user_policy);
  table.serve<op::DetachGroupPolicy>(*this, &IamService::detach_group_policy);
  table.serve<op::DetachRolePolicy>(*this, &IamService::detach_role_policy);
  table.serve<op::ListAttachedUserPolicies>(*this, &IamService::list_attached_user_policies);
  table.serve<op::ListAttachedGroupPolicies>(*this, &IamService::list_attached_group_policies);
  table.serve<op::ListAttachedRolePolicies>(*this, &IamService::list_attached_role_policies);
}

Async<wire::Unit> IamService::attach_user_policy(const RequestContext& ctx,
                                                 const api::iam::AttachUserPolicyRequest& in) {
  CO_TRY_DO(co_await attach<UserRow>(store_, ctx.account_id, in.user_name, in.policy_arn));
  forget_cached();
  co_return wire::Unit{};
}
Async<wire::Unit> IamService::attach_group_policy(const RequestContext& ctx,
                                                  const api::iam::AttachGroupPolicyRequest& in) {
  CO_TRY_DO(co_await attach<GroupRow>(store_, ctx.account_id, in.group_name, in.policy_arn));
  forget_cached();
  co_return wire::Unit{};
}
Async<wire::Unit> IamService::attach_role_policy(const RequestContext& ctx,
                                                 const api::iam::AttachRolePolicyRequest& in) {
  CO_TRY_DO(co_await attach<RoleRow>(store_, ctx.account_id, in.role_name, in.policy_arn));
  forget_cached();
  co_return wire::Unit{};
}

Async<wire::Unit> IamService::detach_user_policy(const RequestContext& ctx,
                                                 const api::iam::DetachUserPolicyRequest& in) {
  CO_TRY_DO(co_await detach<UserRow>(store_, ctx.account_id, in.user_name, in.policy_arn));
  forget_cached();
  co_return wire::Unit{};
}
Async<wire::Unit> IamService::detach_group_policy(const RequestContext& ctx,
                                                  const api::iam::DetachGroupPolicyRequest& in) {
  CO_TRY_DO(co_await detach<GroupRow>(store_, ctx.account_id, in.group_name, in.policy_arn));
  forget_cached();
  co_return wire::Unit{};
}
Async<wire::Unit> IamService::detach_role_policy(const RequestContext& ctx,
                                                 const api::iam::DetachRolePolicyRequest& in) {
  CO_TRY_DO(co_await detach<RoleRow>(store_, ctx.account_id, in.role_name, in.policy_arn));
  forget_cached();
  co_return wire::Unit{};
}

Async<api::iam::ListAttachedUserPoliciesResponse> IamService::list_attached_user_policies(
    const RequestContext& ctx, const api::iam::ListAttachedUserPoliciesRequest& in) {
  CO_TRY(const UserRow user, co_await find_entity<UserRow>(store_, ctx.account_id, in.user_name));
  co_return listing<api::iam::ListAttachedUserPoliciesResponse>(user, in);
}
Async<api::iam::ListAttachedGroupPoliciesResponse> IamService::list_attached_group_policies(
    const RequestContext& ctx, const api::iam::ListAttachedGroupPoliciesRequest& in) {
  CO_TRY(const GroupRow group, co_await find_entity<GroupRow>(store_, ctx.account_id, in.group_name));
  co_return listing<api::iam::ListAttachedGroupPoliciesResponse>(group, in);
}
Async<api::iam::ListAttachedRolePoliciesResponse> IamService::list_attached_role_policies(
    const RequestContext& ctx, const api::iam::ListAttachedRolePoliciesRequest& in) {
  CO_TRY(const RoleRow role, co_await find_entity<RoleRow>(store_, ctx.account_id, in.role_name));
  co_return listing<api::iam::ListAttachedRolePoliciesResponse>(role, in);
}

}  // namespace iam
}  // namespace hearth
