// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html and its kin; RoleDirectory's
// lookup.
#include "services/iam/access.h"
#include "services/iam/change.h"
#include "services/iam/service.h"
#include "services/iam/trust.h"
#include "services/iam/views.h"

namespace hearth {

namespace op = api::iam::op;
inline constexpr char tag_profile[] = "iam:TagInstanceProfile";
inline constexpr char profiles_type[] = "instance-profile";
template <>
struct AccessRule<op::CreateInstanceProfile> : iam::AndTagging<iam::OnProfile<op::CreateInstanceProfile>, tag_profile> {
};
template <>
struct AccessRule<op::GetInstanceProfile> : iam::OnProfile<op::GetInstanceProfile> {};
template <>
struct AccessRule<op::ListInstanceProfiles> : iam::OnAll<op::ListInstanceProfiles, profiles_type> {};
template <>
struct AccessRule<op::ListInstanceProfilesForRole> : iam::OnRole<op::ListInstanceProfilesForRole> {};
template <>
struct AccessRule<op::RemoveRoleFromInstanceProfile> : iam::OnProfile<op::RemoveRoleFromInstanceProfile> {};
template <>
struct AccessRule<op::DeleteInstanceProfile> : iam::OnProfile<op::DeleteInstanceProfile> {};
// AWS: whoever puts a role into a profile hands it to machines, so they must be allowed to pass it.
template <>
struct AccessRule<op::AddRoleToInstanceProfile> {
  static std::vector<Access> of(const RequestContext& ctx, const op::AddRoleToInstanceProfile::Input& in) {
    const Access pass{.action = "iam:PassRole",
                      .resource = iam::entity_arn(ctx.account_id, "role", "/", in.role_name),
                      .context = {{"iam:passedtoservice", {"ec2.amazonaws.com"}}}};
    return {iam::OnProfile<op::AddRoleToInstanceProfile>::of(ctx, in), pass};
  }
};

namespace iam {
namespace {

// The profile with its role in it, as every answer shows it.
template <class Reader>
Async<api::iam::InstanceProfile> profile_view(Reader& reader, std::string_view account_id, const ProfileRow& row) {
  api::iam::InstanceProfile profile;
  profile.path = row.path;
  profile.instance_profile_name = row.name;
  profile.instance_profile_id = row.id;
  profile.arn = arn_of(account_id, row);
  profile.create_date = wire::Timestamp(row.created_ms);
  if (!row.tags.empty()) profile.tags = tags_view(row.tags);
  if (!row.role.empty()) {
    CO_TRY(const RoleRow role, co_await find_entity<RoleRow>(reader, account_id, row.role));
    CO_TRY(const std::string trust_policy, co_await shown_trust_policy(reader, role));
    profile.roles.push_back(role_view(account_id, role, trust_policy));
  }
  co_return profile;
}

}  // namespace

void IamService::register_instance_profiles(OperationTable& table) {
  table.serve<op::CreateInstanceProfile>(*this, &IamService::create_instance_profile);
  table.serve<op::GetInstanceProfile>(*this, &IamService::get_instance_profile);
  table.serve<op::ListInstanceProfiles>(*this, &IamService::list_instance_profiles);
  table.serve<op::ListInstanceProfilesForRole>(*this, &IamService::list_instance_profiles_for_role);
  table.serve<op::AddRoleToInstanceProfile>(*this, &IamService::add_role_to_instance_profile);
  table.serve<op::RemoveRoleFromInstanceProfile>(*this, &IamService::remove_role_from_instance_profile);
  table.serve<op::DeleteInstanceProfile>(*this, &IamService::delete_instance_profile);
}

Async<api::iam::CreateInstanceProfileResponse> IamService::create_instance_profile(
    const RequestContext& ctx, const api::iam::CreateInstanceProfileRequest& in) {
  ProfileRow profile;
  profile.name = in.instance_profile_name;
  profile.path = in.path.value_or("/");
  profile.id = new_id(ids_, "AIPA");
  profile.created_ms = now_ms();
  if (in.tags) CO_TRY_DO(merge_tags(*in.tags, profile.tags));
  CO_TRY_DO(co_await create(ctx.account_id, profile, nothing_more));
  api::iam::CreateInstanceProfileResponse out;
  CO_TRY(out.instance_profile, co_await profile_view(store_, ctx.account_id, profile));
  co_return out;
}

Async<api::iam::GetInstanceProfileResponse> IamService::get_instance_profile(
    const RequestContext& ctx, const api::iam::GetInstanceProfileRequest& in) {
  CO_TRY(const ProfileRow profile, co_await find_entity<ProfileRow>(store_, ctx.account_id, in.instance_profile_name));
  api::iam::GetInstanceProfileResponse out;
  CO_TRY(out.instance_profile, co_await profile_view(store_, ctx.account_id, profile));
  co_return out;
}

Async<api::iam::ListInstanceProfilesResponse> IamService::list_instance_profiles(
    const RequestContext& ctx, const api::iam::ListInstanceProfilesRequest& in) {
  CO_TRY(const PageRequest request, page_request(in));
  const std::string path_prefix = in.path_prefix.value_or("/");
  CO_TRY(const Page<ProfileRow> page, co_await list_entities<ProfileRow>(store_, ctx.account_id, path_prefix, request));
  api::iam::ListInstanceProfilesResponse out;
  for (const ProfileRow& row : page.items) {
    CO_TRY(api::iam::InstanceProfile profile, co_await profile_view(store_, ctx.account_id, row));
    profile.tags.reset();  // AWS: lists show no tags
    out.instance_profiles.push_back(std::move(profile));
  }
  set_page(page, out);
  co_return out;
}

Async<api::iam::ListInstanceProfilesForRoleResponse> IamService::list_instance_profiles_for_role(
    const RequestContext& ctx, const api::iam::ListInstanceProfilesForRoleRequest& in) {
  CO_TRY(const PageRequest request, page_request(in));
  CO_TRY_DO(co_await find_entity<RoleRow>(store_, ctx.account_id, in.role_name));
  const PageRequest everything{.after = {}, .count_max = 100'000};
  CO_TRY(Page<ProfileRow> all, co_await list_entities<ProfileRow>(store_, ctx.account_id, "/", everything));
  std::erase_if(all.items, [&](const ProfileRow& profile) { return profile.role != in.role_name; });
  const Page<ProfileRow> page =
      cut_page(std::move(all.items), request, [](const ProfileRow& profile) { return profile.name; });
  api::iam::ListInstanceProfilesForRoleResponse out;
  for (const ProfileRow& row : page.items) {
    CO_TRY(api::iam::InstanceProfile profile, co_await profile_view(store_, ctx.account_id, row));
    out.instance_profiles.push_back(std::move(profile));
  }
  set_page(page, out);
  co_return out;
}

Async<wire::Unit> IamService::add_role_to_instance_profile(const RequestContext& ctx,
                                                           const api::iam::AddRoleToInstanceProfileRequest& in) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(ProfileRow profile, co_await find_entity<ProfileRow>(tx, ctx.account_id, in.instance_profile_name));
    CO_TRY(const RoleRow role, co_await find_entity<RoleRow>(tx, ctx.account_id, in.role_name));
    if (!profile.role.empty())
      co_return errors::limit_exceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
    profile.role = role.name;
    put_entity(tx, ctx.account_id, profile);
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  forget_cached();
  co_return wire::Unit{};
}

Async<wire::Unit> IamService::remove_role_from_instance_profile(
    const RequestContext& ctx, const api::iam::RemoveRoleFromInstanceProfileRequest& in) {
  const auto remove = [&](Transaction&, ProfileRow& profile) -> Result<void> {
    if (profile.role != in.role_name) return no_such<RoleRow>(in.role_name);
    profile.role.clear();
    return ok;
  };
  CO_TRY_DO(co_await change<ProfileRow>(ctx.account_id, in.instance_profile_name, remove));
  co_return wire::Unit{};
}

Async<wire::Unit> IamService::delete_instance_profile(const RequestContext& ctx,
                                                      const api::iam::DeleteInstanceProfileRequest& in) {
  const auto remove = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const ProfileRow profile, co_await find_entity<ProfileRow>(tx, ctx.account_id, in.instance_profile_name));
    if (!profile.role.empty())
      co_return errors::delete_conflict("Cannot delete entity, must remove roles from instance profile first.");
    tx.remove(entity_key<ProfileRow>(ctx.account_id, profile.name));
    co_return ok;
  };
  const TransactionBody body = remove;
  CO_TRY_DO(co_await transact(store_, body));
  forget_cached();
  co_return wire::Unit{};
}

Async<hearth::InstanceProfile> IamService::find_instance_profile(std::string_view account_id,
                                                                 std::string_view name_or_arn) {
  std::string name(name_or_arn);
  if (name_or_arn.starts_with("arn:")) {
    const EntityName entity = parse_entity_arn(name_or_arn);
    if (entity.type != "instance-profile" || entity.account_id != account_id)
      co_return Error(ErrorKind::not_found, "no instance profile " + name);
    name = entity.name;
  }
  Result<ProfileRow> row = co_await find_entity<ProfileRow>(store_, account_id, name);
  if (!row && row.error().kind() != ErrorKind::aws) co_return std::move(row).error();
  const bool is_other = row && name_or_arn.starts_with("arn:") && arn_of(account_id, *row) != name_or_arn;
  if (!row || is_other) co_return Error(ErrorKind::not_found, "no instance profile " + std::string(name_or_arn));
  hearth::InstanceProfile profile;
  profile.arn = arn_of(account_id, *row);
  profile.id = row->id;
  profile.name = row->name;
  if (!row->role.empty()) {
    CO_TRY(const RoleRow role, co_await find_entity<RoleRow>(store_, account_id, row->role));
    profile.role_arn = arn_of(account_id, role);
    profile.role_name = role.name;
  }
  co_return profile;
}

}  // namespace iam
}  // namespace hearth
