// Authorizer: finds every policy that has a say, and lets iam/policy decide.
#include <algorithm>
#include <array>

#include "base/log.h"
#include "ports/arn.h"
#include "services/iam/entities.h"
#include "services/iam/names.h"
#include "services/iam/service.h"

namespace hearth::iam {
namespace {

bool is_account_id(std::string_view text) {
  return text.size() == 12 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Where the ARN names one.
std::string account_in_arn(std::string_view text) {
  const std::optional<Arn> arn = parse_arn(text);
  return arn && is_account_id(arn->account_id) ? std::string(arn->account_id) : std::string();
}

// What was added for the longest prefix of the ARN; null if nothing was.
template <class Source>
const Source* find_source(const std::map<std::string, Source>& sources, std::string_view resource_arn) {
  const Source* found = nullptr;
  for (const auto& [prefix, source] : sources)
    if (resource_arn.starts_with(prefix)) found = &source;  // ordered: a longer prefix comes later
  return found;
}

// AWS: the root of an account can always mend a bucket policy that locks everybody out.
bool is_bucket_policy_rescue(const Principal& principal, std::string_view action, std::string_view owner_account_id) {
  constexpr std::array<std::string_view, 3> rescues{"s3:GetBucketPolicy", "s3:PutBucketPolicy",
                                                    "s3:DeleteBucketPolicy"};
  return principal.kind == PrincipalKind::root && owner_account_id == principal.account_id &&
         std::ranges::find(rescues, action) != rescues.end();
}

// AWS: credentials of GetSessionToken that were had without MFA, as all of ours are, call nothing of IAM, and of STS
// only AssumeRole (and GetCallerIdentity, which nobody decides about). Passing a role is no call.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
bool is_beyond_session_token(const Principal& principal, std::string_view action) {
  const bool is_session_token = principal.token_issued_at != TimePoint{} &&
                                (principal.kind == PrincipalKind::user || principal.kind == PrincipalKind::root);
  if (!is_session_token) return false;
  return (action.starts_with("iam:") && action != "iam:PassRole") || action == "sts:GetAccessKeyInfo";
}

template <class Row>
Async<std::string> whole_arn(MetadataStore& store, const EntityName& entity, std::string arn) {
  CO_TRY(const std::optional<Row> row, co_await find_if_there<Row>(store, entity.account_id, entity.name));
  co_return row ? arn_of(entity.account_id, *row) : arn;
}

template <class Row>
Async<Tags> tags_at(MetadataStore& store, const EntityName& entity) {
  CO_TRY(const std::optional<Row> row, co_await find_if_there<Row>(store, entity.account_id, entity.name));
  co_return row && row->path == entity.path ? row->tags : Tags();
}

}  // namespace

void IamService::add_resource_policies(std::string arn_prefix, ResourcePolicySource source) {
  resource_policies_[std::move(arn_prefix)] = std::move(source);
}

void IamService::add_resource_tags(std::string arn_prefix, ResourceTagSource source) {
  resource_tags_[std::move(arn_prefix)] = std::move(source);
}

void IamService::add_resource_names(std::string arn_prefix, ResourceNameSource source) {
  resource_names_[std::move(arn_prefix)] = std::move(source);
}

Result<void> IamService::check_resource_policy(std::string_view document) const {
  TRY_DO(parsed(document, policy::DocumentKind::resource));
  return ok;
}

// Callers of iam: operations name an entity without its path; policies are written for the whole ARN.
Async<std::string> IamService::resolve_entity_arn(std::string arn) {
  const EntityName entity = parse_entity_arn(arn);
  if (entity.path != "/") co_return arn;
  if (entity.type == UserRow::kind) co_return co_await whole_arn<UserRow>(store_, entity, std::move(arn));
  if (entity.type == GroupRow::kind) co_return co_await whole_arn<GroupRow>(store_, entity, std::move(arn));
  if (entity.type == RoleRow::kind) co_return co_await whole_arn<RoleRow>(store_, entity, std::move(arn));
  if (entity.type == "instance-profile") co_return co_await whole_arn<ProfileRow>(store_, entity, std::move(arn));
  co_return arn;
}

// AWS: iam:ResourceTag/… is there for users and roles only.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
Async<ConditionContext> IamService::entity_tags(std::string arn) {
  const EntityName entity = parse_entity_arn(arn);
  Tags tags;
  if (entity.type == UserRow::kind) {
    CO_TRY(tags, co_await tags_at<UserRow>(store_, entity));
    co_return resource_tag_context(tags, {"aws", "iam"});
  }
  if (entity.type == RoleRow::kind) {
    CO_TRY(tags, co_await tags_at<RoleRow>(store_, entity));
    co_return resource_tag_context(tags, {"aws", "iam"});
  }
  if (entity.type == PolicyRow::kind) {
    CO_TRY(tags, co_await tags_at<PolicyRow>(store_, entity));
  } else if (entity.type == "instance-profile") {
    CO_TRY(tags, co_await tags_at<ProfileRow>(store_, entity));
  }
  co_return resource_tag_context(tags, {"aws"});
}

Async<std::string> IamService::resolve_resource(const Access& access) {
  if (access.named.empty()) co_return co_await resolve_entity_arn(access.resource);
  const ResourceNameSource* source = find_source(resource_names_, access.resource);
  if (!source)
    co_return Error(ErrorKind::internal, "internal error", "nobody can tell " + access.resource + " by name");
  co_return co_await (*source)(access);
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
    CO_TRY(const std::optional<RoleRow> row, co_await find_if_there<RoleRow>(store_, role.account_id, role.name));
    // A role that is not there, or not under that path, trusts nobody: AWS answers AccessDenied, too.
    if (!row || row->path != role.path) co_return word;
    CO_TRY(PolicyPtr trust, parsed(row->trust_policy, policy::DocumentKind::trust));
    // AWS: whoever was deleted and made again under its name is not the one who was trusted.
    if (!row->trusted_ids.empty())
      trust = std::make_shared<const policy::Policy>(policy::bind_principals(*trust, row->trusted_ids));
    word.policy = policy::PolicyInForce{std::move(trust), "the trust policy of role " + row->name, row->name};
    co_return word;
  }

  // AWS: whoever has a bucket of that name already has no say in its creation; S3 answers BucketAlreadyExists.
  if (action == "s3:CreateBucket") co_return word;

  const ResourcePolicySource* source = find_source(resource_policies_, resource_arn);
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
  const bool is_of_iam = access.action.starts_with("iam:") && access.resource.starts_with("arn:aws:iam::");
  if (is_of_iam || !access.named.empty()) return judge_what_is_meant(principal, access, context);
  return judge(principal, access, context);
}

Async<Decision> IamService::judge_what_is_meant(const Principal& principal, const Access& access,
                                                const ConditionContext& context) {
  Access meant = access;
  CO_TRY(meant.resource, co_await resolve_resource(access));
  CO_TRY(Decision decision, co_await judge(principal, meant, context));
  decision.resource = std::move(meant.resource);
  co_return decision;
}

Async<Decision> IamService::judge(const Principal& principal, const Access& access, const ConditionContext& context) {
  // When a key was last used is nice to know; not knowing it is no reason to fail a request.
  if (const Result<void> noted = co_await note_key_use(principal, access.action, context); !noted)
    log::warning("cannot note the use of an access key", {{"reason", noted.error().message()}});

  if (is_beyond_session_token(principal, access.action))
    co_return errors::invalid_client_token_id("The security token included in the request is invalid.");

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

  CO_TRY(const ResourceWord word, co_await find_resource_policy(access.action, access.resource));

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

  ConditionContext resource_tags;
  if (policy::asks_for_resource_tags(policies, access.action))
    if (const ResourceTagSource* source = find_source(resource_tags_, access.resource)) {
      CO_TRY(resource_tags, co_await (*source)(principal, access));
    }

  const ConditionContext* contexts[] = {&resource_tags, &access.context, &context};
  const policy::RequestFacts facts(principal, contexts, clock_.now());
  policy::Ruling ruling = policy::decide({principal, access.action, access.resource, facts}, policies);
  if (ruling.effect == policy::Effect::explicitly_denied &&
      is_bucket_policy_rescue(principal, access.action, word.account_id))
    co_return Decision{.allowed = true, .reason = {}};
  co_return Decision{.allowed = ruling.effect == policy::Effect::allowed, .reason = std::move(ruling.reason)};
}

}  // namespace hearth::iam
