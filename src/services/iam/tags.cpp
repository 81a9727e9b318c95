// https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagUser.html and its kin.
#include "services/iam/access.h"
#include "services/iam/change.h"
#include "services/iam/service.h"
#include "services/iam/views.h"

namespace hearth {

namespace op = api::iam::op;
template <>
struct AccessRule<op::TagUser> : iam::OnUser<op::TagUser> {};
template <>
struct AccessRule<op::TagRole> : iam::OnRole<op::TagRole> {};
template <>
struct AccessRule<op::UntagUser> : iam::OnUser<op::UntagUser> {};
template <>
struct AccessRule<op::UntagRole> : iam::OnRole<op::UntagRole> {};
template <>
struct AccessRule<op::ListUserTags> : iam::OnUser<op::ListUserTags> {};
template <>
struct AccessRule<op::ListRoleTags> : iam::OnRole<op::ListRoleTags> {};

namespace iam {
namespace {

template <class Row, class In>
auto tagging(const In& in) {
  return [&in](Transaction&, Row& row) -> Result<void> { return merge_tags(in.tags, row.tags); };
}
template <class Row, class In>
auto untagging(const In& in) {
  return [&in](Transaction&, Row& row) -> Result<void> {
    for (const std::string& key : in.tag_keys)
      std::erase_if(row.tags, [&](const auto& tag) { return equal_ignoring_case(tag.first, key); });
    return ok;
  };
}

template <class Output, class In>
Result<Output> listing(const Tags& tags, const In& in) {
  TRY(const PageRequest request, page_request(in));
  Page<api::iam::Tag> page = cut_page(tags_view(tags), request, [](const api::iam::Tag& tag) { return tag.key; });
  Output out;
  set_page(page, out);
  out.tags = std::move(page.items);
  return out;
}

}  // namespace

void IamService::register_tags(OperationTable& table) {
  table.serve<op::TagUser>(*this, &IamService::tag_user);
  table.serve<op::TagRole>(*this, &IamService::tag_role);
  table.serve<op::UntagUser>(*this, &IamService::untag_user);
  table.serve<op::UntagRole>(*this, &IamService::untag_role);
  table.serve<op::ListUserTags>(*this, &IamService::list_user_tags);
  table.serve<op::ListRoleTags>(*this, &IamService::list_role_tags);
}

Async<wire::Unit> IamService::tag_user(const RequestContext& ctx, const api::iam::TagUserRequest& in) {
  const auto add = tagging<UserRow>(in);
  CO_TRY_DO(co_await change<UserRow>(ctx.account_id, in.user_name, add));
  co_return wire::Unit{};
}
Async<wire::Unit> IamService::tag_role(const RequestContext& ctx, const api::iam::TagRoleRequest& in) {
  const auto add = tagging<RoleRow>(in);
  CO_TRY_DO(co_await change<RoleRow>(ctx.account_id, in.role_name, add));
  co_return wire::Unit{};
}
Async<wire::Unit> IamService::untag_user(const RequestContext& ctx, const api::iam::UntagUserRequest& in) {
  const auto remove = untagging<UserRow>(in);
  CO_TRY_DO(co_await change<UserRow>(ctx.account_id, in.user_name, remove));
  co_return wire::Unit{};
}
Async<wire::Unit> IamService::untag_role(const RequestContext& ctx, const api::iam::UntagRoleRequest& in) {
  const auto remove = untagging<RoleRow>(in);
  CO_TRY_DO(co_await change<RoleRow>(ctx.account_id, in.role_name, remove));
  co_return wire::Unit{};
}
Async<api::iam::ListUserTagsResponse> IamService::list_user_tags(const RequestContext& ctx,
                                                                 const api::iam::ListUserTagsRequest& in) {
  CO_TRY(const UserRow user, co_await find_entity<UserRow>(store_, ctx.account_id, in.user_name));
  co_return listing<api::iam::ListUserTagsResponse>(user.tags, in);
}
Async<api::iam::ListRoleTagsResponse> IamService::list_role_tags(const RequestContext& ctx,
                                                                 const api::iam::ListRoleTagsRequest& in) {
  CO_TRY(const RoleRow role, co_await find_entity<RoleRow>(store_, ctx.account_id, in.role_name));
  co_return listing<api::iam::ListRoleTagsResponse>(role.tags, in);
}

}  // namespace iam
}  // namespace hearth
