// Short words for policy tests: a question, the policies that speak, the answer.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "services/iam/policy/decide.h"

namespace hearth::policy::testing {

inline const TimePoint noon = *parse_time("2026-11-23T12:00:00Z");

inline Principal user(std::string name, std::string account = "111122223333") {
  Principal principal;
  principal.kind = PrincipalKind::user;
  principal.account_id = account;
  principal.arn = "arn:aws:iam::" + account + ":user/" + name;
  principal.user_id = "AIDAEXAMPLEUSER" + name;
  principal.user_name = std::move(name);
  return principal;
}

inline Principal session(std::string role, std::string session_name, std::string account = "111122223333") {
  Principal principal;
  principal.kind = PrincipalKind::assumed_role;
  principal.account_id = account;
  principal.role_arn = "arn:aws:iam::" + account + ":role/" + role;
  principal.arn = "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session_name;
  principal.user_id = "AROAEXAMPLE:" + session_name;
  principal.token_issued_at = noon;
  return principal;
}

inline PolicyInForce in_force(std::string_view json, DocumentKind kind, std::string origin) {
  Result<Policy> policy = parse_policy(json, kind);
  EXPECT_TRUE(policy.has_value()) << (policy ? "" : policy.error().message()) << "\n" << json;
  if (!policy) policy = Policy{};
  return {std::make_shared<const Policy>(*std::move(policy)), std::move(origin), "test"};
}

// One world in which questions are asked. Members are set before `ask`.
struct World {
  std::vector<PolicyInForce> identity, boundary, session;
  std::vector<PolicyInForce> resource;  // at most one
  std::string resource_account;
  bool resource_must_allow = false;
  ConditionContext context;

  World& with_identity(std::string_view json) {
    identity.push_back(in_force(json, DocumentKind::identity, "policy " + std::to_string(identity.size() + 1)));
    return *this;
  }
  World& with_boundary(std::string_view json) {
    boundary.push_back(in_force(json, DocumentKind::identity, "the boundary"));
    return *this;
  }
  World& with_session(std::string_view json) {
    session.push_back(in_force(json, DocumentKind::identity, "the session"));
    return *this;
  }
  World& with_resource(std::string_view json, std::string account = "111122223333") {
    resource.push_back(in_force(json, DocumentKind::resource, "the bucket policy"));
    resource_account = std::move(account);
    return *this;
  }

  Ruling ask(const Principal& principal, std::string_view action, std::string_view resource_arn) const {
    const ConditionContext* contexts[] = {&context};
    const RequestFacts facts(principal, contexts, noon);
    const PoliciesInForce policies{.identity = identity,
                                   .boundary = boundary,
                                   .session = session,
                                   .resource = resource.empty() ? nullptr : &resource.front(),
                                   .resource_account_id = resource_account,
                                   .resource_must_allow = resource_must_allow};
    Ruling ruling = decide({principal, action, resource_arn, facts}, policies);
    ruling.decided_by.reset();  // points into facts' world
    return ruling;
  }
  bool allows(const Principal& principal, std::string_view action, std::string_view resource_arn) const {
    return ask(principal, action, resource_arn).effect == Effect::allowed;
  }
};

}  // namespace hearth::policy::testing
