// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateGroup.html and its kin; and who is in a group.
#include <algorithm>

#include "services/iam/access.h"
#include "services/iam/change.h"
#include "services/iam/service.h"
#include "services/iam/views.h"

namespace hearth {

namespace op = api::iam::op;
inline constexpr char groups_type[] = "group";
template <>
struct AccessRule<op::CreateGroup> : iam::OnGroup<op::CreateGroup> {};
template <>
struct AccessRule<op::GetGroup> : iam::OnGroup<op::GetGroup> {};
template <>
struct AccessRule<op::ListGroups> : iam::OnAll<op::ListGroups, groups_type> {};
template <>
struct AccessRule<op::DeleteGroup> : iam::OnGroup<op::DeleteGroup> {};
template <>
struct AccessRule<op::AddUserToGroup> : iam::OnGroup<op::AddUserToGroup> {};
template <>
struct AccessRule<op::RemoveUserFromGroup> : iam::OnGroup<op::RemoveUserFromGroup> {};
template <>
struct AccessRule<op::ListGroupsForUser> : iam::OnUser<op::ListGroupsForUser> {};

namespace iam {
namespace {

constexpr std::size_t group_count_max = 10;

// Names of a group's users, in order.
template <class Reader>
Async<std::vector<std::string>> member_names(Reader& reader, std::string_view account_id, std::string_view group) {
  const std::string prefix = make_key("iam", account_id, "member", to_lower(group));
  constexpr std::size_t no_limit = 100'000;
  CO_TRY(const std::vector<KeyValue> rows, co_await reader.scan(KeyRange::prefix(prefix), no_limit));
  std::vector<std::string> names;
  for (const KeyValue& entry : rows) {
    KeyReader reader_of_key(std::string_view(entry.key).substr(prefix.size()));
    names.push_back(reader_of_key.take_text());
  }
  co_return names;
}

}  // namespace

void IamService::register_groups(OperationTable& table) {
  table.serve<op::CreateGroup>(*this, &IamService::create_group);
  table.serve<op::GetGroup>(*this, &IamService::get_group);
  table.serve<op::ListGroups>(*this, &IamService::list_groups);
  table.serve<op::DeleteGroup>(*this, &IamService::delete_group);
  table.serve<op::AddUserToGroup>(*this, &IamService::add_user_to_group);
  table.serve<op::RemoveUserFromGroup>(*this, &IamService::remove_user_from_group);
  table.serve<op::ListGroupsForUser>(*this, &IamService::list_groups_for_user);
}

Async<api::iam::CreateGroupResponse> IamService::create_group(const RequestContext& ctx,
                                                              const api::iam::CreateGroupRequest& in) {
  GroupRow group;
  group.name = in.group_name;
  group.path = in.path.value_or("/");
  group.id = new_id(ids_, "AGPA");
  group.created_ms = now_ms();
  CO_TRY_DO(co_await create(ctx.account_id, group, nothing_more));
  api::iam::CreateGroupResponse out;
  out.group = group_view(ctx.account_id, group);
  co_return out;
}

Async<api::iam::GetGroupResponse> IamService::get_group(const RequestContext& ctx,
                                                        const api::iam::GetGroupRequest& in) {
  CO_TRY(const PageRequest request, page_request(in));
  CO_TRY(const GroupRow group, co_await find_entity<GroupRow>(store_, ctx.account_id, in.group_name));
  CO_TRY(std::vector<std::string> names, co_await member_names(store_, ctx.account_id, group.name));
  const Page<std::string> page = cut_page(std::move(names), request, [](const std::string& name) { return name; });
  api::iam::GetGroupResponse out;
  out.group = group_view(ctx.account_id, group);
  for (const std::string& name : page.items) {
    const std::string key = entity_key<UserRow>(ctx.account_id, name);
    CO_TRY(const std::optional<std::string> bytes, co_await store_.get(key));
    if (!bytes) continue;
    CO_TRY(const UserRow user, decode_row<UserRow>(*bytes));
    out.users.push_back(user_view(ctx.account_id, user));
  }
  set_page(page, out);
  co_return out;
}

Async<api::iam::ListGroupsResponse> IamService::list_groups(const RequestContext& ctx,
                                                            const api::iam::ListGroupsRequest& in) {
  CO_TRY(const PageRequest request, page_request(in));
  const std::string path_prefix = in.path_prefix.value_or("/");
  CO_TRY(const Page<GroupRow> page, co_await list_entities<GroupRow>(store_, ctx.account_id, path_prefix, request));
  api::iam::ListGroupsResponse out;
  for (const GroupRow& group : page.items) out.groups.push_back(group_view(ctx.account_id, group));
  set_page(page, out);
  co_return out;
}

Async<wire::Unit> IamService::delete_group(const RequestContext& ctx, const api::iam::DeleteGroupRequest& in) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const GroupRow group, co_await find_entity<GroupRow>(tx, ctx.account_id, in.group_name));
    CO_TRY(const std::vector<std::string> members, co_await member_names(tx, ctx.account_id, group.name));
    if (!members.empty())
      co_return errors::delete_conflict("Cannot delete entity, must remove users from group first.");
    if (!group.permissions.attached_policy_arns.empty())
      co_return errors::delete_conflict("Cannot delete entity, must detach all policies first.");
    if (!group.permissions.inline_policies.empty())
      co_return errors::delete_conflict("Cannot delete entity, must delete policies first.");
    tx.remove(entity_key<GroupRow>(ctx.account_id, group.name));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  forget_cached();
  co_return wire::Unit{};
}

Async<wire::Unit> IamService::add_user_to_group(const RequestContext& ctx, const api::iam::AddUserToGroupRequest& in) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const GroupRow group, co_await find_entity<GroupRow>(tx, ctx.account_id, in.group_name));
    CO_TRY(UserRow user, co_await find_entity<UserRow>(tx, ctx.account_id, in.user_name));
    if (std::ranges::find(user.groups, group.name) != user.groups.end()) co_return ok;
    if (user.groups.size() >= group_count_max)
      co_return errors::limit_exceeded("Cannot exceed quota for GroupsPerUser: 10");
    user.groups.push_back(group.name);
    put_entity(tx, ctx.account_id, user);
    tx.put(member_key(ctx.account_id, group.name, user.name), "");
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  forget_cached();
  co_return wire::Unit{};
}

Async<wire::Unit> IamService::remove_user_from_group(const RequestContext& ctx,
                                                     const api::iam::RemoveUserFromGroupRequest& in) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const GroupRow group, co_await find_entity<GroupRow>(tx, ctx.account_id, in.group_name));
    CO_TRY(UserRow user, co_await find_entity<UserRow>(tx, ctx.account_id, in.user_name));
    if (std::erase(user.groups, group.name) == 0) co_return no_such<UserRow>(in.user_name);
    put_entity(tx, ctx.account_id, user);
    tx.remove(member_key(ctx.account_id, group.name, user.name));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  forget_cached();
  co_return wire::Unit{};
}

Async<api::iam::ListGroupsForUserResponse> IamService::list_groups_for_user(
    const RequestContext& ctx, const api::iam::ListGroupsForUserRequest& in) {
  CO_TRY(const UserRow user, co_await find_entity<UserRow>(store_, ctx.account_id, in.user_name));
  api::iam::ListGroupsForUserResponse out;
  for (const std::string& name : user.groups) {  // ten at most: always one page
    CO_TRY(const GroupRow group, co_await find_entity<GroupRow>(store_, ctx.account_id, name));
    out.groups.push_back(group_view(ctx.account_id, group));
  }
  out.is_truncated = false;
  co_return out;
}

}  // namespace iam
}  // namespace hearth
