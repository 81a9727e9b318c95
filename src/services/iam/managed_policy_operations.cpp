// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html and its kin; versions; who uses a policy.
#include <algorithm>

#include "services/iam/access.h"
#include "services/iam/change.h"
#include "services/iam/documents.h"
#include "services/iam/managed_policies.h"
#include "services/iam/service.h"
#include "services/iam/views.h"

namespace hearth {

namespace op = api::iam::op;
inline constexpr char policies_type[] = "policy";
inline constexpr char tag_policy[] = "iam:TagPolicy";
template <>
struct AccessRule<op::CreatePolicy> : iam::AndTagging<iam::OnNewPolicy<op::CreatePolicy>, tag_policy> {};
template <>
struct AccessRule<op::GetPolicy> : iam::OnPolicy<op::GetPolicy> {};
template <>
struct AccessRule<op::ListPolicies> : iam::OnAll<op::ListPolicies, policies_type> {};
template <>
struct AccessRule<op::DeletePolicy> : iam::OnPolicy<op::DeletePolicy> {};
template <>
struct AccessRule<op::CreatePolicyVersion> : iam::OnPolicy<op::CreatePolicyVersion> {};
template <>
struct AccessRule<op::GetPolicyVersion> : iam::OnPolicy<op::GetPolicyVersion> {};
template <>
struct AccessRule<op::ListPolicyVersions> : iam::OnPolicy<op::ListPolicyVersions> {};
template <>
struct AccessRule<op::SetDefaultPolicyVersion> : iam::OnPolicy<op::SetDefaultPolicyVersion> {};
template <>
struct AccessRule<op::DeletePolicyVersion> : iam::OnPolicy<op::DeletePolicyVersion> {};
template <>
struct AccessRule<op::ListEntitiesForPolicy> : iam::OnPolicy<op::ListEntitiesForPolicy> {};

namespace iam {
namespace {

constexpr std::size_t version_count_max = 5;
constexpr std::size_t no_limit = 100'000;
// When the policies in managed_policies.cpp were written; AWS shows a date, and a changing one would look like a
// change.
constexpr std::int64_t aws_policy_date_ms = 1'763'856'000'000;

Error no_such_policy(std::string_view policy_arn) {
  return errors::no_such_entity("Policy " + std::string(policy_arn) + " was not found.");
}
Error no_such_version(std::string_view policy_arn, std::string_view version_id) {
  return errors::no_such_entity("Policy " + std::string(policy_arn) + " version " + std::string(version_id) +
                                " does not exist or is not attachable.");
}

// The customer's policy of that very ARN.
template <class Reader>
Async<PolicyRow> find_policy(Reader& reader, std::string_view account_id, std::string_view policy_arn) {
  const EntityName name = parse_entity_arn(policy_arn);
  if (name.type != "policy" || name.account_id != account_id) co_return no_such_policy(policy_arn);
  Result<PolicyRow> row = co_await find_entity<PolicyRow>(reader, account_id, name.name);
  if (!row && row.error().kind() != ErrorKind::aws) co_return std::move(row).error();
  if (!row || row->path != name.path) co_return no_such_policy(policy_arn);
  co_return row;
}

// AWS: its own policies can be read by everyone and changed by nobody.
Result<void> check_customer_policy(std::string_view policy_arn) {
  if (parse_entity_arn(policy_arn).account_id == "aws")
    return errors::access_denied("Policies of AWS cannot be changed: " + std::string(policy_arn));
  return ok;
}

template <class Reader>
Async<std::int32_t> count_uses(Reader& reader, std::string_view account_id, std::string_view policy_arn,
                               PolicyUse use) {
  const std::string prefix =
      make_key("iam", account_id, "attached", policy_arn, use == PolicyUse::boundary ? "boundary" : "permissions");
  CO_TRY(const std::vector<KeyValue> rows, co_await reader.scan(KeyRange::prefix(prefix), no_limit));
  co_return static_cast<std::int32_t>(rows.size());
}

template <class Reader>
Async<void> add_counts(Reader& reader, std::string_view account_id, api::iam::Policy& policy) {
  CO_TRY(const std::int32_t attached, co_await count_uses(reader, account_id, *policy.arn, PolicyUse::permissions));
  CO_TRY(const std::int32_t boundaries, co_await count_uses(reader, account_id, *policy.arn, PolicyUse::boundary));
  policy.attachment_count = attached;
  policy.permissions_boundary_usage_count = boundaries;
  co_return ok;
}

api::iam::Policy policy_view(std::string_view account_id, const PolicyRow& row) {
  api::iam::Policy policy;
  policy.policy_name = row.name;
  policy.policy_id = row.id;
  policy.arn = arn_of(account_id, row);
  policy.path = row.path;
  policy.default_version_id = row.default_version_id;
  policy.attachment_count = 0;
  policy.permissions_boundary_usage_count = 0;
  policy.is_attachable = true;
  if (!row.description.empty()) policy.description = row.description;
  policy.create_date = wire::Timestamp(row.created_ms);
  policy.update_date = wire::Timestamp(row.updated_ms);
  if (!row.tags.empty()) policy.tags = tags_view(row.tags);
  return policy;
}

api::iam::Policy policy_view(const AwsManagedPolicy& aws) {
  api::iam::Policy policy;
  policy.policy_name = std::string(aws.name);
  policy.policy_id = aws.id();
  policy.arn = aws.arn();
  policy.path = std::string(aws.path);
  policy.default_version_id = "v1";
  policy.is_attachable = true;
  policy.description = std::string(aws.description);
  policy.create_date = wire::Timestamp(aws_policy_date_ms);
  policy.update_date = wire::Timestamp(aws_policy_date_ms);
  return policy;
}

api::iam::PolicyVersion version_view(const PolicyRow& policy, const PolicyVersionRow& row, bool with_document) {
  api::iam::PolicyVersion version;
  if (with_document) version.document = percent_encode_document(row.document);
  version.version_id = row.id;
  version.is_default_version = row.id == policy.default_version_id;
  version.create_date = wire::Timestamp(row.created_ms);
  return version;
}

// AWS's policies in the same shape as a customer's.
PolicyRow as_row(const AwsManagedPolicy& aws) {
  PolicyRow row;
  row.name = aws.name;
  row.path = aws.path;
  row.default_version_id = "v1";
  row.versions.push_back({"v1", std::string(aws.document), aws_policy_date_ms});
  return row;
}

}  // namespace

void IamService::register_managed_policies(OperationTable& table) {
  table.serve<op::CreatePolicy>(*this, &IamService::create_policy);
  table.serve<op::GetPolicy>(*this, &IamService::get_policy);
  table.serve<op::ListPolicies>(*this, &IamService::list_policies);
  table.serve<op::DeletePolicy>(*this, &IamService::delete_policy);
  table.serve<op::CreatePolicyVersion>(*this, &IamService::create_policy_version);
  table.serve<op::GetPolicyVersion>(*this, &IamService::get_policy_version);
  table.serve<op::ListPolicyVersions>(*this, &IamService::list_policy_versions);
  table.serve<op::SetDefaultPolicyVersion>(*this, &IamService::set_default_policy_version);
  table.serve<op::DeletePolicyVersion>(*this, &IamService::delete_policy_version);
  table.serve<op::ListEntitiesForPolicy>(*this, &IamService::list_entities_for_policy);
}

Async<api::iam::CreatePolicyResponse> IamService::create_policy(const RequestContext& ctx,
                                                                const api::iam::CreatePolicyRequest& in) {
  CO_TRY_DO(check_managed_policy(in.policy_document));
  PolicyRow policy;
  policy.name = in.policy_name;
  policy.path = in.path.value_or("/");
  policy.id = new_id(ids_, "ANPA");
  policy.created_ms = policy.updated_ms = now_ms();
  policy.description = in.description.value_or("");
  if (in.tags) CO_TRY_DO(merge_tags(*in.tags, policy.tags));
  policy.versions.push_back({"v1", in.policy_document, policy.created_ms});
  policy.default_version_id = "v1";
  policy.version_number_last = 1;
  CO_TRY_DO(co_await create(ctx.account_id, policy, nothing_more));
  api::iam::CreatePolicyResponse out;
  out.policy = policy_view(ctx.account_id, policy);
  co_return out;
}

Async<api::iam::GetPolicyResponse> IamService::get_policy(const RequestContext& ctx,
                                                          const api::iam::GetPolicyRequest& in) {
  api::iam::GetPolicyResponse out;
  if (const AwsManagedPolicy* aws = find_aws_managed_policy(in.policy_arn)) {
    out.policy = policy_view(*aws);
  } else {
    CO_TRY(const PolicyRow policy, co_await find_policy(store_, ctx.account_id, in.policy_arn));
    out.policy = policy_view(ctx.account_id, policy);
  }
  CO_TRY_DO(co_await add_counts(store_, ctx.account_id, *out.policy));
  co_return out;
}

Async<api::iam::ListPoliciesResponse> IamService::list_policies(const RequestContext& ctx,
                                                                const api::iam::ListPoliciesRequest& in) {
  CO_TRY(const PageRequest request, page_request(in));
  const std::string scope = in.scope.value_or("All");
  const std::string path_prefix = in.path_prefix.value_or("/");
  std::vector<api::iam::Policy> all;
  if (scope != api::iam::policyScopeType::Local)
    for (const AwsManagedPolicy& aws : aws_managed_policies())
      if (aws.path.starts_with(path_prefix)) all.push_back(policy_view(aws));
  if (scope != api::iam::policyScopeType::AWS) {
    const PageRequest everything{.after = {}, .count_max = no_limit};
    CO_TRY(const Page<PolicyRow> own,
           co_await list_entities<PolicyRow>(store_, ctx.account_id, path_prefix, everything));
    for (const PolicyRow& row : own.items) {
      all.push_back(policy_view(ctx.account_id, row));
      all.back().tags.reset();  // AWS: lists show no tags and no description
      all.back().description.reset();
    }
  }
  for (api::iam::Policy& policy : all) CO_TRY_DO(co_await add_counts(store_, ctx.account_id, policy));
  const bool only_boundaries =
      in.policy_usage_filter && *in.policy_usage_filter == api::iam::PolicyUsageType::PermissionsBoundary;
  if (in.only_attached.value_or(false) || in.policy_usage_filter)
    std::erase_if(all, [&](const api::iam::Policy& policy) {
      return (only_boundaries ? *policy.permissions_boundary_usage_count : *policy.attachment_count) == 0;
    });
  const auto arn = [](const api::iam::Policy& policy) { return *policy.arn; };
  std::ranges::sort(all, {}, arn);
  Page<api::iam::Policy> page = cut_page(std::move(all), request, arn);
  api::iam::ListPoliciesResponse out;
  set_page(page, out);
  out.policies = std::move(page.items);
  co_return out;
}

Async<wire::Unit> IamService::delete_policy(const RequestContext& ctx, const api::iam::DeletePolicyRequest& in) {
  CO_TRY_DO(check_customer_policy(in.policy_arn));
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const PolicyRow policy, co_await find_policy(tx, ctx.account_id, in.policy_arn));
    CO_TRY(const std::int32_t attached, co_await count_uses(tx, ctx.account_id, in.policy_arn, PolicyUse::permissions));
    CO_TRY(const std::int32_t boundaries, co_await count_uses(tx, ctx.account_id, in.policy_arn, PolicyUse::boundary));
    if (attached + boundaries > 0) co_return errors::delete_conflict("Cannot delete a policy attached to entities.");
    if (policy.versions.size() > 1)
      co_return errors::delete_conflict(
          "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
          "The default version is deleted with the policy.");
    tx.remove(entity_key<PolicyRow>(ctx.account_id, policy.name));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  forget_cached();
  co_return wire::Unit{};
}

Async<api::iam::CreatePolicyVersionResponse> IamService::create_policy_version(
    const RequestContext& ctx, const api::iam::CreatePolicyVersionRequest& in) {
  CO_TRY_DO(check_customer_policy(in.policy_arn));
  CO_TRY_DO(check_managed_policy(in.policy_document));
  CO_TRY(const PolicyRow existing, co_await find_policy(store_, ctx.account_id, in.policy_arn));
  const auto add_version = [&](Transaction&, PolicyRow& policy) -> Result<void> {
    if (policy.versions.size() >= version_count_max)
      return errors::limit_exceeded(
          "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing "
          "version.");
    const std::string version_id = "v" + std::to_string(++policy.version_number_last);
    policy.versions.push_back({version_id, in.policy_document, now_ms()});
    policy.updated_ms = now_ms();
    if (in.set_as_default.value_or(false)) policy.default_version_id = version_id;
    return ok;
  };
  CO_TRY(const PolicyRow changed, co_await change<PolicyRow>(ctx.account_id, existing.name, add_version));
  api::iam::CreatePolicyVersionResponse out;
  out.policy_version = version_view(changed, changed.versions.back(), false);
  co_return out;
}

Async<api::iam::GetPolicyVersionResponse> IamService::get_policy_version(const RequestContext& ctx,
                                                                         const api::iam::GetPolicyVersionRequest& in) {
  PolicyRow policy;
  if (const AwsManagedPolicy* aws = find_aws_managed_policy(in.policy_arn)) {
    policy = as_row(*aws);
  } else {
    CO_TRY(policy, co_await find_policy(store_, ctx.account_id, in.policy_arn));
  }
  const PolicyVersionRow* version = policy.find_version(in.version_id);
  if (!version) co_return no_such_version(in.policy_arn, in.version_id);
  api::iam::GetPolicyVersionResponse out;
  out.policy_version = version_view(policy, *version, true);
  co_return out;
}

Async<api::iam::ListPolicyVersionsResponse> IamService::list_policy_versions(
    const RequestContext& ctx, const api::iam::ListPolicyVersionsRequest& in) {
  PolicyRow policy;
  if (const AwsManagedPolicy* aws = find_aws_managed_policy(in.policy_arn)) {
    policy = as_row(*aws);
  } else {
    CO_TRY(policy, co_await find_policy(store_, ctx.account_id, in.policy_arn));
  }
  api::iam::ListPolicyVersionsResponse out;
  auto& versions = out.versions.emplace();  // five at most: always one page
  for (const PolicyVersionRow& version : policy.versions) versions.push_back(version_view(policy, version, false));
  std::ranges::reverse(versions);  // AWS: newest first
  out.is_truncated = false;
  co_return out;
}

Async<wire::Unit> IamService::set_default_policy_version(const RequestContext& ctx,
                                                         const api::iam::SetDefaultPolicyVersionRequest& in) {
  CO_TRY_DO(check_customer_policy(in.policy_arn));
  CO_TRY(const PolicyRow existing, co_await find_policy(store_, ctx.account_id, in.policy_arn));
  const auto set_default = [&](Transaction&, PolicyRow& policy) -> Result<void> {
    if (!policy.find_version(in.version_id)) return no_such_version(in.policy_arn, in.version_id);
    policy.default_version_id = in.version_id;
    policy.updated_ms = now_ms();
    return ok;
  };
  CO_TRY_DO(co_await change<PolicyRow>(ctx.account_id, existing.name, set_default));
  co_return wire::Unit{};
}

Async<wire::Unit> IamService::delete_policy_version(const RequestContext& ctx,
                                                    const api::iam::DeletePolicyVersionRequest& in) {
  CO_TRY_DO(check_customer_policy(in.policy_arn));
  CO_TRY(const PolicyRow existing, co_await find_policy(store_, ctx.account_id, in.policy_arn));
  const auto remove = [&](Transaction&, PolicyRow& policy) -> Result<void> {
    if (!policy.find_version(in.version_id)) return no_such_version(in.policy_arn, in.version_id);
    if (policy.default_version_id == in.version_id)
      return errors::delete_conflict("Cannot delete the default version of a policy.");
    std::erase_if(policy.versions, [&](const PolicyVersionRow& version) { return version.id == in.version_id; });
    return ok;
  };
  CO_TRY_DO(co_await change<PolicyRow>(ctx.account_id, existing.name, remove));
  co_return wire::Unit{};
}

Async<api::iam::ListEntitiesForPolicyResponse> IamService::list_entities_for_policy(
    const RequestContext& ctx, const api::iam::ListEntitiesForPolicyRequest& in) {
  CO_TRY(const PageRequest request, page_request(in));
  CO_TRY_DO(co_await managed_policy_document(ctx.account_id, in.policy_arn));
  const std::string path_prefix = in.path_prefix.value_or("/");
  const std::string prefix = make_key("iam", ctx.account_id, "attached", in.policy_arn);
  CO_TRY(std::vector<KeyValue> rows, co_await store_.scan(KeyRange::prefix(prefix), no_limit));
  Page<KeyValue> page = cut_page(std::move(rows), request, [](const KeyValue& entry) { return entry.key; });

  api::iam::ListEntitiesForPolicyResponse out;
  auto& groups = out.policy_groups.emplace();
  auto& users = out.policy_users.emplace();
  auto& roles = out.policy_roles.emplace();
  const auto is_wanted = [&](std::string_view type) { return !in.entity_filter || *in.entity_filter == type; };
  for (const KeyValue& entry : page.items) {
    KeyReader key(std::string_view(entry.key).substr(prefix.size()));
    const bool is_boundary = key.take_text() == "boundary";
    const std::string kind = key.take_text();
    const std::string name = key.take_text();
    if (in.policy_usage_filter &&
        is_boundary != (*in.policy_usage_filter == api::iam::PolicyUsageType::PermissionsBoundary))
      continue;
    if (kind == GroupRow::kind && is_wanted(api::iam::EntityType::Group)) {
      CO_TRY(const GroupRow group, co_await find_entity<GroupRow>(store_, ctx.account_id, name));
      if (group.path.starts_with(path_prefix)) groups.push_back({group.name, group.id});
    } else if (kind == UserRow::kind && is_wanted(api::iam::EntityType::User)) {
      CO_TRY(const UserRow user, co_await find_entity<UserRow>(store_, ctx.account_id, name));
      if (user.path.starts_with(path_prefix)) users.push_back({user.name, user.id});
    } else if (kind == RoleRow::kind && is_wanted(api::iam::EntityType::Role)) {
      CO_TRY(const RoleRow role, co_await find_entity<RoleRow>(store_, ctx.account_id, name));
      if (role.path.starts_with(path_prefix)) roles.push_back({role.name, role.id});
    }
  }
  set_page(page, out);
  co_return out;
}

}  // namespace iam
}  // namespace hearth
