// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html and its kin.
#include "services/iam/access.h"
#include "services/iam/change.h"
#include "services/iam/documents.h"
#include "services/iam/service.h"
#include "services/iam/trust.h"
#include "services/iam/views.h"

namespace hearth {

namespace op = api::iam::op;
inline constexpr char tag_role[] = "iam:TagRole";
inline constexpr char roles_type[] = "role";
template <>
struct AccessRule<op::CreateRole> : iam::AndTagging<iam::OnRole<op::CreateRole>, tag_role> {};
template <>
struct AccessRule<op::GetRole> : iam::OnRole<op::GetRole> {};
template <>
struct AccessRule<op::ListRoles> : iam::OnAll<op::ListRoles, roles_type> {};
template <>
struct AccessRule<op::UpdateRole> : iam::OnRole<op::UpdateRole> {};
template <>
struct AccessRule<op::UpdateAssumeRolePolicy> : iam::OnRole<op::UpdateAssumeRolePolicy> {};
template <>
struct AccessRule<op::DeleteRole> : iam::OnRole<op::DeleteRole> {};

namespace iam {

void IamService::register_roles(OperationTable& table) {
  table.serve<op::CreateRole>(*this, &IamService::create_role);
  table.serve<op::GetRole>(*this, &IamService::get_role);
  table.serve<op::ListRoles>(*this, &IamService::list_roles);
  table.serve<op::UpdateRole>(*this, &IamService::update_role);
  table.serve<op::UpdateAssumeRolePolicy>(*this, &IamService::update_assume_role_policy);
  table.serve<op::DeleteRole>(*this, &IamService::delete_role);
}

Async<api::iam::CreateRoleResponse> IamService::create_role(const RequestContext& ctx,
                                                            const api::iam::CreateRoleRequest& in) {
  CO_TRY_DO(check_trust_policy(in.assume_role_policy_document));
  RoleRow role;
  role.name = in.role_name;
  role.path = in.path.value_or("/");
  role.id = new_id(ids_, "AROA");
  role.created_ms = now_ms();
  role.trust_policy = in.assume_role_policy_document;
  role.description = in.description.value_or("");
  role.session_seconds_max = in.max_session_duration.value_or(3600);
  if (in.tags) CO_TRY_DO(merge_tags(*in.tags, role.tags));
  if (in.permissions_boundary) {
    role.permissions.boundary_arn = *in.permissions_boundary;
    CO_TRY_DO(co_await managed_policy_document(ctx.account_id, role.permissions.boundary_arn));
  }
  const auto bind_and_index = [&](Transaction& tx) -> Async<void> {
    CO_TRY(role.trusted_ids, co_await find_trusted_ids(tx, role.trust_policy, hosted_accounts()));
    if (!role.permissions.boundary_arn.empty())
      tx.put(attached_key(ctx.account_id, role.permissions.boundary_arn, PolicyUse::boundary, RoleRow::kind, role.name),
             "");
    co_return ok;
  };
  CO_TRY_DO(co_await create(ctx.account_id, role, bind_and_index));
  api::iam::CreateRoleResponse out;
  out.role = role_view(ctx.account_id, role, role.trust_policy);
  co_return out;
}

Async<api::iam::GetRoleResponse> IamService::get_role(const RequestContext& ctx, const api::iam::GetRoleRequest& in) {
  CO_TRY(const RoleRow role, co_await find_entity<RoleRow>(store_, ctx.account_id, in.role_name));
  CO_TRY(const std::string trust_policy, co_await shown_trust_policy(store_, role));
  api::iam::GetRoleResponse out;
  out.role = role_view(ctx.account_id, role, trust_policy);
  co_return out;
}

Async<api::iam::ListRolesResponse> IamService::list_roles(const RequestContext& ctx,
                                                          const api::iam::ListRolesRequest& in) {
  CO_TRY(const PageRequest request, page_request(in));
  const std::string path_prefix = in.path_prefix.value_or("/");
  CO_TRY(const Page<RoleRow> page, co_await list_entities<RoleRow>(store_, ctx.account_id, path_prefix, request));
  api::iam::ListRolesResponse out;
  for (const RoleRow& role : page.items) {
    CO_TRY(const std::string trust_policy, co_await shown_trust_policy(store_, role));
    out.roles.push_back(role_view(ctx.account_id, role, trust_policy));
    out.roles.back().tags.reset();  // AWS: lists show no tags and no boundary
    out.roles.back().permissions_boundary.reset();
  }
  set_page(page, out);
  co_return out;
}

Async<api::iam::UpdateRoleResponse> IamService::update_role(const RequestContext& ctx,
                                                            const api::iam::UpdateRoleRequest& in) {
  const auto update = [&](Transaction&, RoleRow& role) -> Result<void> {
    if (in.description) role.description = *in.description;
    if (in.max_session_duration) role.session_seconds_max = *in.max_session_duration;
    return ok;
  };
  CO_TRY_DO(co_await change<RoleRow>(ctx.account_id, in.role_name, update));
  co_return api::iam::UpdateRoleResponse{};
}

Async<wire::Unit> IamService::update_assume_role_policy(const RequestContext& ctx,
                                                        const api::iam::UpdateAssumeRolePolicyRequest& in) {
  CO_TRY_DO(check_trust_policy(in.policy_document));
  const auto update = [&](Transaction& tx, RoleRow& role) -> Async<void> {
    CO_TRY(role.trusted_ids, co_await find_trusted_ids(tx, in.policy_document, hosted_accounts()));
    role.trust_policy = in.policy_document;
    co_return ok;
  };
  CO_TRY_DO(co_await change<RoleRow>(ctx.account_id, in.role_name, update));
  co_return wire::Unit{};
}

Async<wire::Unit> IamService::delete_role(const RequestContext& ctx, const api::iam::DeleteRoleRequest& in) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const RoleRow role, co_await find_entity<RoleRow>(tx, ctx.account_id, in.role_name));
    const PageRequest everything{.after = {}, .count_max = 100'000};
    CO_TRY(const Page<ProfileRow> profiles, co_await list_entities<ProfileRow>(tx, ctx.account_id, "/", everything));
    for (const ProfileRow& profile : profiles.items)
      if (profile.role == role.name)
        co_return errors::delete_conflict("Cannot delete entity, must remove roles from instance profile first.");
    if (!role.permissions.attached_policy_arns.empty())
      co_return errors::delete_conflict("Cannot delete entity, must detach all policies first.");
    if (!role.permissions.inline_policies.empty())
      co_return errors::delete_conflict("Cannot delete entity, must delete policies first.");
    if (!role.permissions.boundary_arn.empty())
      tx.remove(
          attached_key(ctx.account_id, role.permissions.boundary_arn, PolicyUse::boundary, RoleRow::kind, role.name));
    tx.remove(entity_key<RoleRow>(ctx.account_id, role.name));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  forget_cached();
  co_return wire::Unit{};
}

}  // namespace iam
}  // namespace hearth
