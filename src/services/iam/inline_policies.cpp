// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html and its kin. Users, groups and roles
// behave alike, so the three of each live in one template.
#include "services/iam/access.h"
#include "services/iam/change.h"
#include "services/iam/documents.h"
#include "services/iam/service.h"

namespace hearth {

namespace op = api::iam::op;
template <>
struct AccessRule<op::PutUserPolicy> : iam::OnUser<op::PutUserPolicy> {};
template <>
struct AccessRule<op::PutGroupPolicy> : iam::OnGroup<op::PutGroupPolicy> {};
template <>
struct AccessRule<op::PutRolePolicy> : iam::OnRole<op::PutRolePolicy> {};
template <>
struct AccessRule<op::GetUserPolicy> : iam::OnUser<op::GetUserPolicy> {};
template <>
struct AccessRule<op::GetGroupPolicy> : iam::OnGroup<op::GetGroupPolicy> {};
template <>
struct AccessRule<op::GetRolePolicy> : iam::OnRole<op::GetRolePolicy> {};
template <>
struct AccessRule<op::DeleteUserPolicy> : iam::OnUser<op::DeleteUserPolicy> {};
template <>
struct AccessRule<op::DeleteGroupPolicy> : iam::OnGroup<op::DeleteGroupPolicy> {};
template <>
struct AccessRule<op::DeleteRolePolicy> : iam::OnRole<op::DeleteRolePolicy> {};
template <>
struct AccessRule<op::ListUserPolicies> : iam::OnUser<op::ListUserPolicies> {};
template <>
struct AccessRule<op::ListGroupPolicies> : iam::OnGroup<op::ListGroupPolicies> {};
template <>
struct AccessRule<op::ListRolePolicies> : iam::OnRole<op::ListRolePolicies> {};

namespace iam {
namespace {

template <class Row>
Error no_such_policy(std::string_view policy_name) {
  return errors::no_such_entity("The " + std::string(Row::kind) + " policy with name " + std::string(policy_name) +
                                " cannot be found.");
}

// Bodies for change<Row>(): `in` is the request.
template <class Row, class In>
auto putting(const In& in) {
  return [&in](Transaction&, Row& row) -> Result<void> {
    row.permissions.inline_policies[in.policy_name] = in.policy_document;
    return check_inline_size(row);
  };
}
template <class Row, class In>
auto deleting(const In& in) {
  return [&in](Transaction&, Row& row) -> Result<void> {
    if (row.permissions.inline_policies.erase(in.policy_name) == 0) return no_such_policy<Row>(in.policy_name);
    return ok;
  };
}

template <class Row>
Result<std::string> encoded_document(const Row& row, std::string_view policy_name) {
  const auto found = row.permissions.inline_policies.find(std::string(policy_name));
  if (found == row.permissions.inline_policies.end()) return no_such_policy<Row>(policy_name);
  return percent_encode_document(found->second);
}

template <class Output, class Row, class In>
Result<Output> listing(const Row& row, const In& in) {
  TRY(const PageRequest request, page_request(in));
  std::vector<std::string> names;
  for (const auto& [name, document] : row.permissions.inline_policies) names.push_back(name);
  Page<std::string> page = cut_page(std::move(names), request, [](const std::string& name) { return name; });
  Output out;
  set_page(page, out);
  out.policy_names = std::move(page.items);
  return out;
}

}  // namespace

void IamService::register_inline_policies(OperationTable& table) {
  table.serve<op::PutUserPolicy>(*this, &IamService::put_user_policy);
  table.serve<op::PutGroupPolicy>(*this, &IamService::put_group_policy);
  table.serve<op::PutRolePolicy>(*this, &IamService::put_role_policy);
  table.serve<op::GetUserPolicy>(*this, &IamService::get_user_policy);
  table.serve<op::GetGroupPolicy>(*this, &IamService::get_group_policy);
  table.serve<op::GetRolePolicy>(*this, &IamService::get_role_policy);
  table.serve<op::DeleteUserPolicy>(*this, &IamService::delete_user_policy);
  table.serve<op::DeleteGroupPolicy>(*this, &IamService::delete_group_policy);
  table.serve<op::DeleteRolePolicy>(*this, &IamService::delete_role_policy);
  table.serve<op::ListUserPolicies>(*this, &IamService::list_user_policies);
  table.serve<op::ListGroupPolicies>(*this, &IamService::list_group_policies);
  table.serve<op::ListRolePolicies>(*this, &IamService::list_role_policies);
}

Async<wire::Unit> IamService::put_user_policy(const RequestContext& ctx, const api::iam::PutUserPolicyRequest& in) {
  CO_TRY_DO(check_identity_policy(in.policy_document));
  const auto put = putting<UserRow>(in);
  CO_TRY_DO(co_await change<UserRow>(ctx.account_id, in.user_name, put));
  co_return wire::Unit{};
}
Async<wire::Unit> IamService::put_group_policy(const RequestContext& ctx, const api::iam::PutGroupPolicyRequest& in) {
  CO_TRY_DO(check_identity_policy(in.policy_document));
  const auto put = putting<GroupRow>(in);
  CO_TRY_DO(co_await change<GroupRow>(ctx.account_id, in.group_name, put));
  co_return wire::Unit{};
}
Async<wire::Unit> IamService::put_role_policy(const RequestContext& ctx, const api::iam::PutRolePolicyRequest& in) {
  CO_TRY_DO(check_identity_policy(in.policy_document));
  const auto put = putting<RoleRow>(in);
  CO_TRY_DO(co_await change<RoleRow>(ctx.account_id, in.role_name, put));
  co_return wire::Unit{};
}

Async<api::iam::GetUserPolicyResponse> IamService::get_user_policy(const RequestContext& ctx,
                                                                   const api::iam::GetUserPolicyRequest& in) {
  CO_TRY(const UserRow user, co_await find_entity<UserRow>(store_, ctx.account_id, in.user_name));
  api::iam::GetUserPolicyResponse out;
  CO_TRY(out.policy_document, encoded_document(user, in.policy_name));
  out.user_name = user.name;
  out.policy_name = in.policy_name;
  co_return out;
}
Async<api::iam::GetGroupPolicyResponse> IamService::get_group_policy(const RequestContext& ctx,
                                                                     const api::iam::GetGroupPolicyRequest& in) {
  CO_TRY(const GroupRow group, co_await find_entity<GroupRow>(store_, ctx.account_id, in.group_name));
  api::iam::GetGroupPolicyResponse out;
  CO_TRY(out.policy_document, encoded_document(group, in.policy_name));
  out.group_name = group.name;
  out.policy_name = in.policy_name;
  co_return out;
}
Async<api::iam::GetRolePolicyResponse> IamService::get_role_policy(const RequestContext& ctx,
                                                                   const api::iam::GetRolePolicyRequest& in) {
  CO_TRY(const RoleRow role, co_await find_entity<RoleRow>(store_, ctx.account_id, in.role_name));
  api::iam::GetRolePolicyResponse out;
  CO_TRY(out.policy_document, encoded_document(role, in.policy_name));
  out.role_name = role.name;
  out.policy_name = in.policy_name;
  co_return out;
}

Async<wire::Unit> IamService::delete_user_policy(const RequestContext& ctx,
                                                 const api::iam::DeleteUserPolicyRequest& in) {
  const auto remove = deleting<UserRow>(in);
  CO_TRY_DO(co_await change<UserRow>(ctx.account_id, in.user_name, remove));
  co_return wire::Unit{};
}
Async<wire::Unit> IamService::delete_group_policy(const RequestContext& ctx,
                                                  const api::iam::DeleteGroupPolicyRequest& in) {
  const auto remove = deleting<GroupRow>(in);
  CO_TRY_DO(co_await change<GroupRow>(ctx.account_id, in.group_name, remove));
  co_return wire::Unit{};
}
Async<wire::Unit> IamService::delete_role_policy(const RequestContext& ctx,
                                                 const api::iam::DeleteRolePolicyRequest& in) {
  const auto remove = deleting<RoleRow>(in);
  CO_TRY_DO(co_await change<RoleRow>(ctx.account_id, in.role_name, remove));
  co_return wire::Unit{};
}

Async<api::iam::ListUserPoliciesResponse> IamService::list_user_policies(const RequestContext& ctx,
                                                                         const api::iam::ListUserPoliciesRequest& in) {
  CO_TRY(const UserRow user, co_await find_entity<UserRow>(store_, ctx.account_id, in.user_name));
  co_return listing<api::iam::ListUserPoliciesResponse>(user, in);
}
Async<api::iam::ListGroupPoliciesResponse> IamService::list_group_policies(
    const RequestContext& ctx, const api::iam::ListGroupPoliciesRequest& in) {
  CO_TRY(const GroupRow group, co_await find_entity<GroupRow>(store_, ctx.account_id, in.group_name));
  co_return listing<api::iam::ListGroupPoliciesResponse>(group, in);
}
Async<api::iam::ListRolePoliciesResponse> IamService::list_role_policies(const RequestContext& ctx,
                                                                         const api::iam::ListRolePoliciesRequest& in) {
  CO_TRY(const RoleRow role, co_await find_entity<RoleRow>(store_, ctx.account_id, in.role_name));
  co_return listing<api::iam::ListRolePoliciesResponse>(role, in);
}

}  // namespace iam
}  // namespace hearth
