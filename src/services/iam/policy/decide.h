// The decision: all policies that speak about one request, in AWS's order of evaluation. Pure functions.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ports/authorizer.h"
#include "services/iam/policy/document.h"
#include "services/iam/policy/pattern.h"

namespace hearth::policy {

// Whether contexts may say who the principal is: a request's may not (nobody claims another name through a header), the
// simulator's entries are just for that.
enum class Claims : std::uint8_t { refused, believed };

// Condition keys of a request: what we know of the principal first (unless claims are believed), then the given
// contexts in their order. Borrows everything; lives for one decision; one thread.
class RequestFacts final : public Facts {
 public:
  RequestFacts(const Principal& principal, std::span<const ConditionContext* const> contexts, TimePoint now,
               Claims claims = Claims::refused)
      : principal_(principal), contexts_(contexts.begin(), contexts.end()), now_(now), claims_(claims) {}
  const std::vector<std::string>* find(const std::string& key) const override;

 private:
  std::optional<std::string> find_about_principal(std::string_view key) const;
  const std::vector<std::string>* find_in_contexts(const std::string& key) const;
  const Principal& principal_;
  std::vector<const ConditionContext*> contexts_;
  TimePoint now_;
  Claims claims_;
  mutable ConditionContext computed_;
};

// What is asked.
struct Question {
  const Principal& principal;
  std::string_view action;    // "s3:GetObject"
  std::string_view resource;  // an ARN or "*"
  const Facts& facts;
};

// A policy and where it comes from, in words: "inline policy dev-only of user ana".
struct PolicyInForce {
  std::shared_ptr<const Policy> policy;
  std::string origin;
  std::string source_id;  // for the simulator: a policy name or ARN
};

// Every policy that has a say.
struct PoliciesInForce {
  std::span<const PolicyInForce> identity;
  std::span<const PolicyInForce> boundary;  // none, or one that must allow too
  std::span<const PolicyInForce> session;   // none, or at least one of them must allow too
  const PolicyInForce* resource = nullptr;
  std::string_view resource_account_id;  // owner of the resource; empty: the principal's own account
  bool resource_must_allow = false;      // trust policies: without their word nothing goes, even in one account
};

enum class Effect : std::uint8_t { allowed, explicitly_denied, implicitly_denied };

struct MatchedStatement {
  const PolicyInForce* policy = nullptr;
  const Statement* statement = nullptr;
};

struct Ruling {
  Effect effect = Effect::implicitly_denied;
  // In AWS's words, to follow "… is not authorized to perform: A on resource: R": "because no identity-based policy
  // allows the s3:GetObject action", "with an explicit deny in an identity-based policy: statement NoProd of …".
  std::string reason;
  std::optional<MatchedStatement> decided_by;  // none: nobody spoke
};

Ruling decide(const Question& question, const PoliciesInForce& policies);

// Whether a statement about this action asks for a tag of the resource. Only then must the question's facts hold them.
bool asks_for_resource_tags(const PoliciesInForce& policies, std::string_view action);

// Statements of one policy that apply to the question, in their order.
std::vector<const Statement*> applicable_statements(const Policy& policy, const Question& question);

}  // namespace hearth::policy
