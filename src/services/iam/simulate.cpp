// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html and SimulateCustomPolicy: the
// same engine that decides requests, asked about requests nobody made. Positions inside policies are not told.
#include <algorithm>
#include <span>

#include "ports/arn.h"
#include "services/iam/access.h"
#include "services/iam/change.h"
#include "services/iam/service.h"

namespace hearth {

namespace op = api::iam::op;
template <>
struct AccessRule<op::SimulateCustomPolicy> : iam::OnAnything<op::SimulateCustomPolicy> {};
template <>
struct AccessRule<op::SimulatePrincipalPolicy> {
  static Access of(const RequestContext&, const op::SimulatePrincipalPolicy::Input& in) {
    return {"iam:SimulatePrincipalPolicy", in.policy_source_arn, {}};
  }
};

namespace iam {

// Everything the engine is asked with; the cross product of actions and resources is the list of questions.
struct IamService::Simulation {
  Principal principal;
  std::vector<policy::PolicyInForce> identity;
  std::vector<policy::PolicyInForce> boundary;
  std::optional<policy::PolicyInForce> resource;
  std::string resource_account_id;
  std::vector<std::string> actions;
  std::vector<std::string> resources;
  ConditionContext context;
  PageRequest page;
};

namespace {

std::string decision_name(policy::Effect effect) {
  switch (effect) {
    case policy::Effect::allowed:
      return std::string(api::iam::PolicyEvaluationDecisionType::allowed);
    case policy::Effect::explicitly_denied:
      return std::string(api::iam::PolicyEvaluationDecisionType::explicitDeny);
    case policy::Effect::implicitly_denied:
      return std::string(api::iam::PolicyEvaluationDecisionType::implicitDeny);
  }
  return {};
}

// Condition keys the policies ask for and the caller did not give.
void add_missing_keys(std::span<const policy::PolicyInForce> policies, const policy::Facts& facts,
                      std::vector<std::string>& missing) {
  for (const policy::PolicyInForce& in_force : policies)
    for (std::string& key : in_force.policy->context_keys())
      if (!facts.find(key) && std::ranges::find(missing, key) == missing.end()) missing.push_back(std::move(key));
}

template <class In>
ConditionContext context_of(const In& in) {
  ConditionContext context;
  if (!in.context_entries) return context;
  for (const api::iam::ContextEntry& entry : *in.context_entries)
    if (entry.context_key_name && entry.context_key_values)
      context[to_lower(*entry.context_key_name)] = *entry.context_key_values;
  return context;
}

// In whose name a resource policy hears the simulated request.
Result<void> take_caller(const std::string& arn, Principal& principal) {
  const EntityName caller = parse_entity_arn(arn);
  if (caller.type != "user") return errors::invalid_input("CallerArn must be the ARN of a user: " + arn);
  principal.kind = PrincipalKind::user;
  principal.arn = arn;
  principal.user_name = caller.name;
  principal.account_id = caller.account_id;
  return ok;
}

// "arn:aws:iam::123456789012:root"; empty: the caller's own account.
std::string account_of(const wire::Opt<std::string>& resource_owner) {
  const std::optional<Arn> arn = resource_owner ? parse_arn(*resource_owner) : std::nullopt;
  return arn ? std::string(arn->account_id) : std::string();
}

Error invalid_document(const Error& why) {
  return errors::invalid_input(why.message());
}

}  // namespace

void IamService::register_simulation(OperationTable& table) {
  table.serve<op::SimulateCustomPolicy>(*this, &IamService::simulate_custom_policy);
  table.serve<op::SimulatePrincipalPolicy>(*this, &IamService::simulate_principal_policy);
}

Async<api::iam::SimulatePolicyResponse> IamService::simulate(Simulation simulation) {
  if (simulation.resources.empty()) simulation.resources.emplace_back("*");
  std::vector<api::iam::EvaluationResult> results;
  const ConditionContext* contexts[] = {&simulation.context};
  for (const std::string& action : simulation.actions) {
    for (const std::string& resource : simulation.resources) {
      const policy::RequestFacts facts(simulation.principal, contexts, clock_.now(), policy::Claims::believed);
      const policy::PoliciesInForce policies{.identity = simulation.identity,
                                             .boundary = simulation.boundary,
                                             .session = {},
                                             .resource = simulation.resource ? &*simulation.resource : nullptr,
                                             .resource_account_id = simulation.resource_account_id};
      const policy::Question question{simulation.principal, action, resource, facts};
      const policy::Ruling ruling = policy::decide(question, policies);
      api::iam::EvaluationResult result;
      result.eval_action_name = action;
      result.eval_resource_name = resource;
      result.eval_decision = decision_name(ruling.effect);
      auto& matched = result.matched_statements.emplace();
      if (ruling.decided_by) {
        api::iam::Statement statement;
        statement.source_policy_id = ruling.decided_by->policy->source_id;
        statement.source_policy_type = std::string(api::iam::PolicySourceType::none);
        matched.push_back(std::move(statement));
      }
      auto& missing = result.missing_context_values.emplace();
      add_missing_keys(simulation.identity, facts, missing);
      add_missing_keys(simulation.boundary, facts, missing);
      if (simulation.resource) add_missing_keys(std::span(&*simulation.resource, 1), facts, missing);
      if (!simulation.boundary.empty()) {
        const policy::PoliciesInForce only_boundary{.identity = simulation.boundary};
        auto& detail = result.permissions_boundary_decision_detail.emplace();
        detail.allowed_by_permissions_boundary =
            policy::decide(question, only_boundary).effect == policy::Effect::allowed;
      }
      results.push_back(std::move(result));
    }
  }
  api::iam::SimulatePolicyResponse out;
  // The questions have an order of their own, so the marker is a position.
  std::size_t first = 0;
  if (!simulation.page.after.empty())
    first = std::min<std::size_t>(std::strtoul(simulation.page.after.c_str(), nullptr, 10), results.size());
  const std::size_t last = std::min(results.size(), first + simulation.page.count_max);
  out.is_truncated = last < results.size();
  if (last < results.size()) out.marker = to_base64(std::to_string(last));
  out.evaluation_results.emplace().assign(std::make_move_iterator(results.begin() + static_cast<std::ptrdiff_t>(first)),
                                          std::make_move_iterator(results.begin() + static_cast<std::ptrdiff_t>(last)));
  co_return out;
}

Async<api::iam::SimulatePolicyResponse> IamService::simulate_custom_policy(
    const RequestContext& ctx, const api::iam::SimulateCustomPolicyRequest& in) {
  Simulation simulation;
  CO_TRY(simulation.page, page_request(in));
  // AWS: a custom policy is tried for nobody in particular, unless a user is named.
  simulation.principal = Principal();
  simulation.principal.kind = PrincipalKind::user;
  simulation.principal.account_id = ctx.account_id;
  simulation.resource_account_id = account_of(in.resource_owner);
  if (in.caller_arn) CO_TRY_DO(take_caller(*in.caller_arn, simulation.principal));
  int number = 0;
  for (const std::string& document : in.policy_input_list) {
    Result<PolicyPtr> policy = parsed(document, policy::DocumentKind::identity);
    if (!policy) co_return invalid_document(policy.error());
    const std::string id = "PolicyInputList." + std::to_string(++number);
    simulation.identity.push_back({*std::move(policy), id, id});
  }
  if (in.permissions_boundary_policy_input_list)
    for (const std::string& document : *in.permissions_boundary_policy_input_list) {
      Result<PolicyPtr> policy = parsed(document, policy::DocumentKind::identity);
      if (!policy) co_return invalid_document(policy.error());
      simulation.boundary.push_back({*std::move(policy), "PermissionsBoundaryPolicyInputList.1", "boundary"});
    }
  if (in.resource_policy) {
    Result<PolicyPtr> policy = parsed(*in.resource_policy, policy::DocumentKind::resource);
    if (!policy) co_return invalid_document(policy.error());
    simulation.resource = policy::PolicyInForce{*std::move(policy), "ResourcePolicy", "ResourcePolicy"};
  }
  simulation.actions = in.action_names;
  if (in.resource_arns) simulation.resources = *in.resource_arns;
  simulation.context = context_of(in);
  co_return co_await simulate(std::move(simulation));
}

Async<api::iam::SimulatePolicyResponse> IamService::simulate_principal_policy(
    const RequestContext& ctx, const api::iam::SimulatePrincipalPolicyRequest& in) {
  Simulation simulation;
  CO_TRY(simulation.page, page_request(in));
  const EntityName source = parse_entity_arn(in.policy_source_arn);
  if (source.type.empty())
    co_return errors::invalid_input("Invalid Entity Arn: " + in.policy_source_arn +
                                    " does not clearly define entity type and name.");
  if (source.account_id != ctx.account_id)
    co_return errors::no_such_entity("The entity " + in.policy_source_arn + " cannot be found.");
  PrincipalPolicies gathered;
  if (source.type == UserRow::kind || source.type == RoleRow::kind) {
    CO_TRY(const PoliciesPtr policies, co_await policies_of(source.type, source.account_id, source.name));
    gathered = *policies;
    simulation.principal.kind = source.type == UserRow::kind ? PrincipalKind::user : PrincipalKind::assumed_role;
  } else if (source.type == GroupRow::kind) {
    CO_TRY(const GroupRow group, co_await find_entity<GroupRow>(store_, source.account_id, source.name));
    CO_TRY_DO(co_await add_permissions(source.account_id, group.permissions, "group " + group.name, gathered));
    simulation.principal.kind = PrincipalKind::user;
  } else {
    co_return errors::invalid_input("PolicySourceArn must be the ARN of a user, group or role: " +
                                    in.policy_source_arn);
  }
  simulation.principal.account_id = source.account_id;
  simulation.principal.arn = in.policy_source_arn;
  simulation.principal.role_arn = source.type == RoleRow::kind ? in.policy_source_arn : "";
  simulation.principal.user_name = source.type == UserRow::kind ? source.name : "";
  simulation.principal.user_id = gathered.id;
  simulation.principal.session_tags = gathered.tags;
  simulation.identity = std::move(gathered.identity);
  simulation.boundary = std::move(gathered.boundary);
  simulation.resource_account_id = account_of(in.resource_owner);
  if (in.caller_arn) CO_TRY_DO(take_caller(*in.caller_arn, simulation.principal));
  // AWS: what is given here stands in for the boundary there is.
  if (in.permissions_boundary_policy_input_list) {
    simulation.boundary.clear();
    for (const std::string& document : *in.permissions_boundary_policy_input_list) {
      Result<PolicyPtr> policy = parsed(document, policy::DocumentKind::identity);
      if (!policy) co_return invalid_document(policy.error());
      simulation.boundary.push_back({*std::move(policy), "PermissionsBoundaryPolicyInputList.1", "boundary"});
    }
  }
  if (in.policy_input_list) {
    int number = 0;
    for (const std::string& document : *in.policy_input_list) {
      Result<PolicyPtr> policy = parsed(document, policy::DocumentKind::identity);
      if (!policy) co_return invalid_document(policy.error());
      const std::string id = "PolicyInputList." + std::to_string(++number);
      simulation.identity.push_back({*std::move(policy), id, id});
    }
  }
  if (in.resource_policy) {
    Result<PolicyPtr> policy = parsed(*in.resource_policy, policy::DocumentKind::resource);
    if (!policy) co_return invalid_document(policy.error());
    simulation.resource = policy::PolicyInForce{*std::move(policy), "ResourcePolicy", "ResourcePolicy"};
  }
  simulation.actions = in.action_names;
  if (in.resource_arns) simulation.resources = *in.resource_arns;
  simulation.context = context_of(in);
  co_return co_await simulate(std::move(simulation));
}

}  // namespace iam
}  // namespace hearth
