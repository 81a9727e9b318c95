// An Authorizer for tests: allows all but what it is told not to, and keeps what was asked. From one thread at a time.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ports/authorizer.h"

namespace hearth {

class MemoryAuthorizer final : public Authorizer {
 public:
  std::set<std::string> denied_actions, denied_resources;
  std::vector<Access> asked;

  Async<Decision> decide(const Principal&, const Access& access, const ConditionContext&) override {
    asked.push_back(access);
    const bool denied = denied_actions.contains(access.action) || denied_resources.contains(access.resource);
    co_return Decision{.allowed = !denied, .reason = denied ? "because no identity-based policy allows it" : ""};
  }
  void add_resource_policies(std::string, ResourcePolicySource) override {}
};

}  // namespace hearth
