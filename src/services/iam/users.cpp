// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html and its kin: Get, List, Update, Delete.
#include "services/iam/access.h"
#include "services/iam/change.h"
#include "services/iam/service.h"
#include "services/iam/views.h"

namespace hearth {

namespace op = api::iam::op;
inline constexpr char tag_user[] = "iam:TagUser";
inline constexpr char users_type[] = "user";
template <>
struct AccessRule<op::CreateUser> : iam::AndTagging<iam::OnUser<op::CreateUser>, tag_user> {};
template <>
struct AccessRule<op::GetUser> : iam::OnUser<op::GetUser> {};
template <>
struct AccessRule<op::ListUsers> : iam::OnAll<op::ListUsers, users_type> {};
template <>
struct AccessRule<op::UpdateUser> : iam::OnUser<op::UpdateUser> {};
template <>
struct AccessRule<op::DeleteUser> : iam::OnUser<op::DeleteUser> {};

namespace iam {

void IamService::register_users(OperationTable& table) {
  table.serve<op::CreateUser>(*this, &IamService::create_user);
  table.serve<op::GetUser>(*this, &IamService::get_user);
  table.serve<op::ListUsers>(*this, &IamService::list_users);
  table.serve<op::UpdateUser>(*this, &IamService::update_user);
  table.serve<op::DeleteUser>(*this, &IamService::delete_user);
}

Async<api::iam::CreateUserResponse> IamService::create_user(const RequestContext& ctx,
                                                            const api::iam::CreateUserRequest& in) {
  UserRow user;
  user.name = in.user_name;
  user.path = in.path.value_or("/");
  user.id = new_id(ids_, "AIDA");
  user.created_ms = now_ms();
  if (in.tags) CO_TRY_DO(merge_tags(*in.tags, user.tags));
  if (in.permissions_boundary) {
    user.permissions.boundary_arn = *in.permissions_boundary;
    CO_TRY_DO(co_await managed_policy_document(ctx.account_id, user.permissions.boundary_arn));
  }
  const auto index_boundary = [&](Transaction& tx) -> Result<void> {
    if (!user.permissions.boundary_arn.empty())
      tx.put(attached_key(ctx.account_id, user.permissions.boundary_arn, PolicyUse::boundary, UserRow::kind, user.name),
             "");
    return ok;
  };
  CO_TRY_DO(co_await create(ctx.account_id, user, index_boundary));
  api::iam::CreateUserResponse out;
  out.user = user_view(ctx.account_id, user);
  co_return out;
}

Async<api::iam::GetUserResponse> IamService::get_user(const RequestContext& ctx, const api::iam::GetUserRequest& in) {
  api::iam::GetUserResponse out;
  if (!in.user_name && ctx.caller.kind == PrincipalKind::root) {
    // AWS: root asking about itself gets the account, without a name.
    out.user.arn = root_arn(ctx.account_id);
    out.user.user_id = ctx.account_id;
    out.user.path = "/";
    co_return out;
  }
  if (!in.user_name && ctx.caller.kind != PrincipalKind::user)
    co_return errors::validation_error("Must specify userName when calling with non-User credentials");
  const std::string name = in.user_name ? *in.user_name : ctx.caller.user_name;
  CO_TRY(const UserRow user, co_await find_entity<UserRow>(store_, ctx.account_id, name));
  out.user = user_view(ctx.account_id, user);
  co_return out;
}

Async<api::iam::ListUsersResponse> IamService::list_users(const RequestContext& ctx,
                                                          const api::iam::ListUsersRequest& in) {
  CO_TRY(const PageRequest request, page_request(in));
  const std::string path_prefix = in.path_prefix.value_or("/");
  CO_TRY(const Page<UserRow> page, co_await list_entities<UserRow>(store_, ctx.account_id, path_prefix, request));
  api::iam::ListUsersResponse out;
  for (const UserRow& user : page.items) {
    out.users.push_back(user_view(ctx.account_id, user));
    out.users.back().tags.reset();  // AWS: lists show no tags and no boundary
    out.users.back().permissions_boundary.reset();
  }
  set_page(page, out);
  co_return out;
}

Async<wire::Unit> IamService::update_user(const RequestContext& ctx, const api::iam::UpdateUserRequest& in) {
  const std::string new_name = in.new_user_name.value_or(in.user_name);
  // AWS: whoever renames a user must be allowed to update it under its new name as well.
  CO_TRY(const UserRow old, co_await find_entity<UserRow>(store_, ctx.account_id, in.user_name));
  const std::string new_arn = entity_arn(ctx.account_id, UserRow::kind, in.new_path.value_or(old.path), new_name);
  if (new_arn != arn_of(ctx.account_id, old)) {
    const Access access{"iam:UpdateUser", new_arn, resource_tag_context(old.tags, {"aws", "iam"})};
    CO_TRY(const Decision decision, co_await judge(ctx.caller, access, ctx.condition_context));
    if (!decision.allowed)
      co_return errors::access_denied("User: " + ctx.caller.arn +
                                      " is not authorized to perform: iam:UpdateUser on resource: " + new_arn + " " +
                                      decision.reason);
  }
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(UserRow user, co_await find_entity<UserRow>(tx, ctx.account_id, in.user_name));
    if (to_lower(new_name) != to_lower(user.name)) {
      const std::string new_key = entity_key<UserRow>(ctx.account_id, new_name);
      CO_TRY(const std::optional<std::string> taken, co_await tx.get(new_key));
      if (taken) co_return already_there<UserRow>(new_name);
    }
    // Everything that names the user moves along.
    tx.remove(entity_key<UserRow>(ctx.account_id, user.name));
    for (const std::string& group : user.groups) {
      tx.remove(member_key(ctx.account_id, group, user.name));
      tx.put(member_key(ctx.account_id, group, new_name), "");
    }
    for (const std::string& policy_arn : user.permissions.attached_policy_arns) {
      tx.remove(attached_key(ctx.account_id, policy_arn, PolicyUse::permissions, UserRow::kind, user.name));
      tx.put(attached_key(ctx.account_id, policy_arn, PolicyUse::permissions, UserRow::kind, new_name), "");
    }
    if (const std::string& boundary = user.permissions.boundary_arn; !boundary.empty()) {
      tx.remove(attached_key(ctx.account_id, boundary, PolicyUse::boundary, UserRow::kind, user.name));
      tx.put(attached_key(ctx.account_id, boundary, PolicyUse::boundary, UserRow::kind, new_name), "");
    }
    for (const std::string& access_key_id : user.access_key_ids) {
      const std::string key = access_key_key(access_key_id);
      CO_TRY(const std::optional<std::string> bytes, co_await tx.get(key));
      if (!bytes) continue;
      CO_TRY(AccessKeyRow access_key, decode_row<AccessKeyRow>(*bytes));
      access_key.user_name = new_name;
      tx.put(key, encode_row(access_key));
    }
    user.name = new_name;
    if (in.new_path) user.path = *in.new_path;
    put_entity(tx, ctx.account_id, user);
    tx.put(renamed_key(ctx.account_id, user.id), user.name);
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  forget_cached();
  co_return wire::Unit{};
}

Async<wire::Unit> IamService::delete_user(const RequestContext& ctx, const api::iam::DeleteUserRequest& in) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const UserRow user, co_await find_entity<UserRow>(tx, ctx.account_id, in.user_name));
    // AWS: what hangs on the user goes first, by its own calls.
    if (!user.permissions.attached_policy_arns.empty())
      co_return errors::delete_conflict("Cannot delete entity, must detach all policies first.");
    if (!user.permissions.inline_policies.empty())
      co_return errors::delete_conflict("Cannot delete entity, must delete policies first.");
    if (!user.groups.empty())
      co_return errors::delete_conflict("Cannot delete entity, must remove users from group first.");
    if (!user.access_key_ids.empty())
      co_return errors::delete_conflict("Cannot delete entity, must delete access keys first.");
    if (!user.permissions.boundary_arn.empty())
      tx.remove(
          attached_key(ctx.account_id, user.permissions.boundary_arn, PolicyUse::boundary, UserRow::kind, user.name));
    tx.remove(entity_key<UserRow>(ctx.account_id, user.name));
    tx.remove(renamed_key(ctx.account_id, user.id));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  forget_cached();
  co_return wire::Unit{};
}

}  // namespace iam
}  // namespace hearth
