// Authorizer: finds every policy that has a say, and lets iam/policy decide.
#include <algorithm>
#include <array>

#include "base/log.h"
#include "services/iam/entities.h"
#include "services/iam/names.h"
#include "services/iam/service.h"

namespace hearth::iam {
namespace {

bool is_account_id(std::string_view text) {
  return text.size() == 12 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// The fifth part of an ARN, where it is an account.
std::string account_in_arn(std::string_view arn) {
  for (int i = 0; i < 4; ++i) {
    const std::size_t colon = arn.find(':');
    if (colon == std::string_view::npos) return {};
    arn.remove_prefix(colon + 1);
  }
  const std::string_view account = arn.substr(0, arn.find(':'));
  return is_account_id(account) ? std::string(account) : std::string();
}

// AWS: the root of an account can always mend a bucket policy that locks everybody out.
bool is_bucket_policy_rescue(const Principal& principal, std::string_view action, std::string_view owner_account_id) {
  constexpr std::array<std::string_view, 3> rescues{"s3:GetBucketPolicy", "s3:PutBucketPolicy",
                                                    "s3:DeleteBucketPolicy"};
  return principal.kind == PrincipalKind::root && owner_account_id == principal.account_id &&
         std::ranges::find(rescues, action) != rescues.end();
}

}  // namespace

void IamService::add_resource_policies(std::string arn_prefix, ResourcePolicySource source) {
  resource_policies_[std::move(arn_prefix)] = std::move(source);
}

Result<void> IamService::check_resource_policy(std::string_view document) const {
  TRY_DO(parsed(document, policy::DocumentKind::resource));
  return ok;
}

// Callers of iam: operations name an entity without its path; policies are written for the whole ARN.
Async<std::string> IamService::resolve_entity_arn(const std::string& arn) {
  const EntityName entity = parse_entity_arn(arn);
  if (entity.path != "/") co_return arn;
  if (entity.type == UserRow::kind) {
    Result<UserRow> row = co_await find_entity<UserRow>(store_, entity.account_id, entity.name);
    if (row) co_return arn_of(entity.account_id, *row);
  } else if (entity.type == GroupRow::kind) {
    Result<GroupRow> row = co_await find_entity<GroupRow>(store_, entity.account_id, entity.name);
    if (row) co_return arn_of(entity.account_id, *row);
  } else if (entity.type == RoleRow::kind) {
    Result<RoleRow> row = co_await find_entity<RoleRow>(store_, entity.account_id, entity.name);
    if (row) co_return arn_of(entity.account_id, *row);
  } else if (entity.type == "instance-profile") {
    Result<ProfileRow> row = co_await find_entity<ProfileRow>(store_, entity.account_id, entity.name);
    if (row) co_return arn_of(entity.account_id, *row);
  }
  co_return arn;
}

Async<IamService::ResourceWord> IamService::find_resource_policy(std::string_view action,
                                                                 const std::string& resource_arn) {
  ResourceWord word;
  word.account_id = account_in_arn(resource_arn);

  // A role's trust policy is the resource policy of assuming it, and nothing goes without it.
  const bool is_role = resource_arn.starts_with("arn:aws:iam::") && resource_arn.find(":role/") != std::string::npos;
  if (is_role && action.starts_with("sts:")) {
    word.must_allow = true;
    const EntityName role = parse_entity_arn(resource_arn);
    Result<RoleRow> row = co_await find_entity<RoleRow>(store_, role.account_id, role.name);
    if (!row && row.error().kind() != ErrorKind::aws) co_return std::move(row).error();
    // A role that is not there, or not under that path, trusts nobody: AWS answers AccessDenied, too.
    if (!row || row->path != role.path) co_return word;
    CO_TRY(PolicyPtr trust, parsed(row->trust_policy, policy::DocumentKind::trust));
    word.policy = policy::PolicyInForce{std::move(trust), "the trust policy of role " + row->name, row->name};
    co_return word;
  }

  // AWS: whoever has a bucket of that name already has no say in its creation; S3 answers BucketAlreadyExists.
  if (action == "s3:CreateBucket") co_return word;

  const ResourcePolicySource* source = nullptr;
  for (const auto& [prefix, candidate] : resource_policies_)
    if (resource_arn.starts_with(prefix)) source = &candidate;  // ordered: a longer prefix comes later
  if (!source) co_return word;
  CO_TRY(const ResourcePolicy found, co_await (*source)(resource_arn));
  if (!found.owner_account_id.empty()) word.account_id = found.owner_account_id;
  if (found.document.empty()) co_return word;
  CO_TRY(PolicyPtr policy, parsed(found.document, policy::DocumentKind::resource));
  word.policy = policy::PolicyInForce{std::move(policy), "the policy of " + resource_arn, resource_arn};
  co_return word;
}

Async<void> IamService::note_key_use(const Principal& principal, std::string_view action,
                                     const ConditionContext& context) {
  // Sessions and root are not listed by GetAccessKeyLastUsed; once a minute is as fine as anyone needs.
  constexpr std::int64_t interval_ms = 60'000;
  if (principal.kind != PrincipalKind::user || !principal.access_key_id.starts_with("AKIA")) co_return ok;
  const std::int64_t now = now_ms();
  {
    std::lock_guard lock(key_use_mutex_);
    std::int64_t& noted = key_use_noted_ms_[principal.access_key_id];
    if (noted != 0 && now - noted < interval_ms) co_return ok;
    noted = now;
  }
  KeyUseRow use{.used_ms = now, .service = std::string(action.substr(0, action.find(':'))), .region = "us-east-1"};
  if (const auto region = context.find("aws:requestedregion"); region != context.end() && !region->second.empty())
    use.region = region->second.front();
  const TransactionBody write = [&](Transaction& tx) -> Async<void> {
    tx.put(key_use_key(principal.access_key_id), encode_row(use));
    co_return ok;
  };
  co_return co_await transact(store_, write);
}

Async<Decision> IamService::decide(const Principal& principal, const Access& access, const ConditionContext& context) {
  // When a key was last used is nice to know; not knowing it is no reason to fail a request.
  if (const Result<void> noted = co_await note_key_use(principal, access.action, context); !noted)
    log::warning("cannot note the use of an access key", {{"reason", noted.error().message()}});

  PoliciesPtr own;
  if (principal.kind == PrincipalKind::user) {
    Result<PoliciesPtr> found =
        co_await policies_of(std::string(UserRow::kind), principal.account_id, principal.user_name);
    if (found)
      own = *std::move(found);
    else if (found.error().kind() != ErrorKind::aws)
      co_return std::move(found).error();
  } else if (principal.kind == PrincipalKind::assumed_role) {
    Result<PoliciesPtr> found = co_await policies_of(std::string(RoleRow::kind), principal.account_id,
                                                     parse_entity_arn(principal.role_arn).name);
    // A session of a role that was deleted and made again is not a session of the new one.
    if (found && principal.user_id.starts_with((*found)->id + ":"))
      own = *std::move(found);
    else if (!found && found.error().kind() != ErrorKind::aws)
      co_return std::move(found).error();
  }

  std::string resolved;
  const bool is_iam = access.action.starts_with("iam:") && access.resource.starts_with("arn:aws:iam::");
  if (is_iam) {
    CO_TRY(resolved, co_await resolve_entity_arn(access.resource));
  }
  const std::string& resource = is_iam ? resolved : access.resource;
  CO_TRY(const ResourceWord word, co_await find_resource_policy(access.action, resource));

  std::vector<policy::PolicyInForce> session;
  for (const std::string& document : principal.session_policies) {
    CO_TRY(PolicyPtr policy, parsed(document, policy::DocumentKind::identity));
    session.push_back({std::move(policy), "the session policy", "session"});
  }

  policy::PoliciesInForce policies;
  if (own) {
    policies.identity = own->identity;
    policies.boundary = own->boundary;
  }
  policies.session = session;
  policies.resource = word.policy ? &*word.policy : nullptr;
  policies.resource_account_id = word.account_id;
  policies.resource_must_allow = word.must_allow;

  const ConditionContext* contexts[] = {&access.context, &context};
  const policy::RequestFacts facts(principal, contexts, clock_.now());
  policy::Ruling ruling = policy::decide({principal, access.action, resource, facts}, policies);
  if (ruling.effect == policy::Effect::explicitly_denied &&
      is_bucket_policy_rescue(principal, access.action, word.account_id))
    co_return Decision{.allowed = true, .reason = {}};
  co_return Decision{.allowed = ruling.effect == policy::Effect::allowed, .reason = std::move(ruling.reason)};
}

}  // namespace hearth::iam
