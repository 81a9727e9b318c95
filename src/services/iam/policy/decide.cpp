#include "services/iam/policy/decide.h"

#include <algorithm>

namespace hearth::policy {
namespace {

// How closely a resource policy's principal names the caller; decides whether the resource's word alone is enough.
enum class Grant : std::uint8_t {
  none,
  account,  // names the caller's account: the account's own policies must allow it as well
  limited,  // names everyone or the caller's role: enough, but boundary and session policies still limit it
  direct,   // names the very user or session: enough
};

bool speaks_about_action(const Statement& statement, std::string_view lower_case_action) {
  const bool is_listed = std::ranges::any_of(
      statement.actions, [&](const ActionPattern& pattern) { return pattern.matches(lower_case_action); });
  return is_listed != statement.is_not_action;
}

bool elements_match(const Statement& statement, const Question& question, std::string_view lower_case_action) {
  if (!speaks_about_action(statement, lower_case_action)) return false;

  if (statement.has_resource) {
    Match listed = Match::no;
    for (const Pattern& pattern : statement.resources) {
      const Match match = pattern.matches(question.resource, question.facts);
      if (match == Match::no) continue;
      listed = match;
      if (match == Match::yes) break;
    }
    // A variable nobody can fill in equals nothing; but it must not widen what an Allow gives.
    if (listed == Match::unresolved) {
      if (statement.is_allow) return false;
      listed = Match::no;
    }
    if ((listed == Match::yes) == statement.is_not_resource) return false;
  }

  for (const Condition& condition : statement.conditions) {
    const Match match = condition.matches(question.facts);
    if (match == Match::no) return false;
    // In a Deny, "is not the unknown" holds and "is the unknown" does not.
    if (match == Match::unresolved && (statement.is_allow || !condition.is_negated())) return false;
  }
  return true;
}

bool names_role(const PrincipalEntry& entry, const Principal& principal) {
  return principal.kind == PrincipalKind::assumed_role && entry.kind == PrincipalEntry::Kind::arn &&
         entry.value == principal.role_arn;
}

Grant grant_of(const PrincipalEntry& entry, const Principal& principal) {
  using Kind = PrincipalEntry::Kind;
  switch (entry.kind) {
    case Kind::anyone:
      return Grant::limited;
    case Kind::account:
      if (principal.kind == PrincipalKind::anonymous || principal.kind == PrincipalKind::service ||
          entry.value != principal.account_id)
        return Grant::none;
      return principal.kind == PrincipalKind::root ? Grant::direct : Grant::account;
    case Kind::arn:
      if (principal.kind == PrincipalKind::anonymous) return Grant::none;
      if (entry.value == principal.arn) return Grant::direct;
      return names_role(entry, principal) ? Grant::limited : Grant::none;
    case Kind::unique_id: {
      const bool has_id = principal.kind == PrincipalKind::user || principal.kind == PrincipalKind::assumed_role;
      // Of a session it is ROLE_ID:SESSION, which only bind_principals puts here.
      if (has_id && entry.value == principal.user_id) return Grant::direct;
      const std::string_view role_id = std::string_view(principal.user_id).substr(0, principal.user_id.find(':'));
      return principal.kind == PrincipalKind::assumed_role && entry.value == role_id ? Grant::limited : Grant::none;
    }
    case Kind::service:
      return principal.kind == PrincipalKind::service && equal_ignoring_case(entry.value, principal.arn) ? Grant::direct
                                                                                                         : Grant::none;
    case Kind::federated:
    case Kind::canonical_user:
      return Grant::none;
  }
  return Grant::none;
}

Grant grant_of(const Statement& statement, const Principal& principal) {
  Grant best = Grant::none;
  for (const PrincipalEntry& entry : statement.principals) best = std::max(best, grant_of(entry, principal));
  if (!statement.is_not_principal) return best;
  // AWS: whoever is exempt must be named itself; naming its account is not enough.
  return best >= Grant::limited ? Grant::none : Grant::direct;
}

struct Word {
  const PolicyInForce* policy = nullptr;
  const Statement* deny = nullptr;
  const Statement* allow = nullptr;
};

// What a group of policies says. A denial ends the search; an allowance does not, a denial may still come.
Word hear(std::span<const PolicyInForce> policies, const Question& question, std::string_view lower_case_action) {
  Word word;
  for (const PolicyInForce& in_force : policies) {
    for (const Statement& statement : in_force.policy->statements) {
      if (statement.is_allow && word.allow) continue;
      if (!elements_match(statement, question, lower_case_action)) continue;
      if (!statement.is_allow) return {.policy = &in_force, .deny = &statement, .allow = nullptr};
      word = {.policy = &in_force, .deny = nullptr, .allow = &statement};
    }
  }
  return word;
}

struct ResourceWord {
  const Statement* deny = nullptr;
  const Statement* allow = nullptr;
  Grant grant = Grant::none;
};

ResourceWord hear_resource(const Policy& policy, const Question& question, std::string_view lower_case_action) {
  ResourceWord word;
  for (const Statement& statement : policy.statements) {
    const Grant grant = grant_of(statement, question.principal);
    if (grant == Grant::none || (statement.is_allow && grant <= word.grant)) continue;
    if (!elements_match(statement, question, lower_case_action)) continue;
    if (!statement.is_allow) return {.deny = &statement};
    word = {.deny = nullptr, .allow = &statement, .grant = grant};
  }
  return word;
}

Ruling denied(std::string_view kind, const PolicyInForce& policy, const Statement& statement) {
  return {.effect = Effect::explicitly_denied,
          .reason = "with an explicit deny in a" + std::string(kind.starts_with('i') ? "n " : " ") + std::string(kind) +
                    ": " + statement.name() + " of " + policy.origin,
          .decided_by = MatchedStatement{&policy, &statement}};
}

Ruling nobody_allows(std::string_view kind, const Question& question) {
  return {.effect = Effect::implicitly_denied,
          .reason = "because no " + std::string(kind) + " allows the " + std::string(question.action) + " action",
          .decided_by = std::nullopt};
}

Ruling allowed(const PolicyInForce& policy, const Statement& statement) {
  // The reason of an allowance is worded when somebody asks (Ruling::decided_by); most never do.
  return {.effect = Effect::allowed, .reason = {}, .decided_by = MatchedStatement{&policy, &statement}};
}

constexpr std::string_view identity_based = "identity-based policy";
constexpr std::string_view resource_based = "resource-based policy";
constexpr std::string_view boundary = "permissions boundary";
constexpr std::string_view session = "session policy";

}  // namespace

std::optional<std::string> RequestFacts::find_about_principal(std::string_view key) const {
  constexpr std::string_view tag_prefix = "aws:principaltag/";
  const bool is_user = principal_.kind == PrincipalKind::user;
  const bool is_session = principal_.kind == PrincipalKind::assumed_role;
  const bool is_anonymous = principal_.kind == PrincipalKind::anonymous;
  const bool is_service = principal_.kind == PrincipalKind::service;
  if (key.starts_with(tag_prefix)) {
    for (const auto& [name, value] : principal_.session_tags)
      if (equal_ignoring_case(name, key.substr(tag_prefix.size()))) return value;
    return std::nullopt;
  }
  if (key == "aws:principalaccount" && !is_anonymous && !is_service) return principal_.account_id;
  // AWS: for a session this is the role, so that one policy fits all its sessions.
  if (key == "aws:principalarn" && !is_anonymous && !is_service)
    return is_session ? principal_.role_arn : principal_.arn;
  if (key == "aws:username" && is_user && !principal_.user_name.empty()) return principal_.user_name;
  if (key == "aws:userid") return is_anonymous ? "anonymous" : principal_.user_id;
  if (key == "aws:principaltype") {
    switch (principal_.kind) {
      case PrincipalKind::anonymous:
        return "Anonymous";
      case PrincipalKind::root:
        return "Account";
      case PrincipalKind::user:
        return "User";
      case PrincipalKind::assumed_role:
        return "AssumedRole";
      case PrincipalKind::service:
        return std::nullopt;
    }
  }
  if (key == "aws:principalisawsservice") return is_service ? "true" : "false";
  if (key == "aws:principalservicename" && is_service) return principal_.arn;
  if (key == "aws:tokenissuetime" && principal_.token_issued_at != TimePoint{})
    return format_iso8601_seconds(principal_.token_issued_at);
  if (key == "aws:sourceidentity" && !principal_.source_identity.empty()) return principal_.source_identity;
  // AWS: there for temporary credentials only. None of ours began with MFA.
  if (key == "aws:multifactorauthpresent" && principal_.token_issued_at != TimePoint{}) return "false";
  return std::nullopt;
}

const std::vector<std::string>* RequestFacts::find_in_contexts(const std::string& key) const {
  for (const ConditionContext* context : contexts_)
    if (const auto found = context->find(key); found != context->end()) return &found->second;
  return nullptr;
}

const std::vector<std::string>* RequestFacts::find(const std::string& key) const {
  if (const auto known = computed_.find(key); known != computed_.end())
    return known->second.empty() ? nullptr : &known->second;
  if (claims_ == Claims::believed)
    if (const std::vector<std::string>* claimed = find_in_contexts(key)) return claimed;
  if (key.starts_with("aws:")) {
    if (std::optional<std::string> value = find_about_principal(key)) return &(computed_[key] = {*std::move(value)});
    // What find_about_principal decides is not for anyone else to claim.
    constexpr std::string_view ours[] = {"aws:principal", "aws:userid", "aws:username", "aws:tokenissuetime",
                                         "aws:sourceidentity"};
    const bool is_ours = std::ranges::any_of(ours, [&](std::string_view prefix) { return key.starts_with(prefix); });
    if (is_ours) {
      computed_[key] = {};
      return nullptr;
    }
  }
  if (const std::vector<std::string>* found = find_in_contexts(key)) return found;
  if (key == "aws:currenttime") return &(computed_[key] = {format_iso8601_seconds(now_)});
  if (key == "aws:epochtime") return &(computed_[key] = {std::to_string(to_ms(now_) / 1000)});
  return nullptr;
}

bool asks_for_resource_tags(const PoliciesInForce& policies, std::string_view action) {
  const auto asks = [&](const PolicyInForce& in_force) {
    // Most policies do not, and then it costs nothing to find out.
    if (!in_force.policy->asks_for_resource_tags) return false;
    const std::string lower_case_action = to_lower(action);
    return std::ranges::any_of(in_force.policy->statements, [&](const Statement& statement) {
      return statement.asks_for_resource_tags && speaks_about_action(statement, lower_case_action);
    });
  };
  return std::ranges::any_of(policies.identity, asks) || std::ranges::any_of(policies.boundary, asks) ||
         std::ranges::any_of(policies.session, asks) || (policies.resource && asks(*policies.resource));
}

std::vector<const Statement*> applicable_statements(const Policy& policy, const Question& question) {
  const std::string action = to_lower(question.action);
  std::vector<const Statement*> statements;
  for (const Statement& statement : policy.statements) {
    if (statement.has_principal && grant_of(statement, question.principal) == Grant::none) continue;
    if (elements_match(statement, question, action)) statements.push_back(&statement);
  }
  return statements;
}

Ruling decide(const Question& question, const PoliciesInForce& policies) {
  const Principal& principal = question.principal;
  const std::string action = to_lower(question.action);

  // 1. An explicit deny anywhere ends it.
  ResourceWord by_resource;
  if (policies.resource) {
    by_resource = hear_resource(*policies.resource->policy, question, action);
    if (by_resource.deny) return denied(resource_based, *policies.resource, *by_resource.deny);
  }
  const Word by_identity = hear(policies.identity, question, action);
  if (by_identity.deny) return denied(identity_based, *by_identity.policy, *by_identity.deny);
  const Word by_boundary = hear(policies.boundary, question, action);
  if (by_boundary.deny) return denied(boundary, *by_boundary.policy, *by_boundary.deny);
  const Word by_session = hear(policies.session, question, action);
  if (by_session.deny) return denied(session, *by_session.policy, *by_session.deny);

  // 2. Callers without policies of their own live by the resource's word alone.
  const bool is_outsider = principal.kind == PrincipalKind::anonymous || principal.kind == PrincipalKind::service;
  const bool is_own_account =
      !is_outsider && (policies.resource_account_id.empty() || policies.resource_account_id == principal.account_id);
  if (by_resource.grant == Grant::none && (!is_own_account || policies.resource_must_allow))
    return nobody_allows(resource_based, question);
  if (is_outsider) return allowed(*policies.resource, *by_resource.allow);

  // 3. The account's root may do everything in its own account, and with what others share with the account.
  if (principal.kind == PrincipalKind::root) {
    if (by_resource.allow) return allowed(*policies.resource, *by_resource.allow);
    return {.effect = Effect::allowed, .reason = {}, .decided_by = std::nullopt};
  }

  // 4. In one account the resource's word can be enough; between accounts both sides must agree.
  if (is_own_account && by_resource.grant == Grant::direct) return allowed(*policies.resource, *by_resource.allow);
  const bool resource_is_enough = is_own_account && by_resource.grant == Grant::limited;
  if (!by_identity.allow && !resource_is_enough) return nobody_allows(identity_based, question);

  // 5. Boundary and session policies grant nothing; they limit.
  if (!policies.boundary.empty() && !by_boundary.allow) return nobody_allows(boundary, question);
  if (!policies.session.empty() && !by_session.allow) return nobody_allows(session, question);
  return by_identity.allow ? allowed(*by_identity.policy, *by_identity.allow)
                           : allowed(*policies.resource, *by_resource.allow);
}

}  // namespace hearth::policy
