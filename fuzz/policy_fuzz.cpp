// Any bytes as a policy document: parsing and deciding must neither crash nor hang, and must say the same thing twice.
// The first byte picks the kind of document; the rest is the document.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "services/iam/policy/decide.h"

using namespace hearth;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto kind = static_cast<policy::DocumentKind>(data[0] % 3);
  const std::string_view document(reinterpret_cast<const char*>(data) + 1, size - 1);
  Result<policy::Policy> parsed = policy::parse_policy(document, kind);
  if (!parsed) {
    if (parsed.error().message().empty()) std::abort();  // every refusal has a sentence
    return 0;
  }

  Principal ana;
  ana.kind = PrincipalKind::user;
  ana.account_id = "111122223333";
  ana.arn = "arn:aws:iam::111122223333:user/ana";
  ana.user_id = "AIDAEXAMPLE";
  ana.user_name = "ana";
  const ConditionContext context{{"aws:sourceip", {"203.0.113.9"}},
                                 {"s3:prefix", {"home/ana/"}},
                                 {"aws:tagkeys", {"a", "b"}},
                                 {"aws:securetransport", {"true"}}};
  const ConditionContext* contexts[] = {&context};
  const policy::PolicyInForce in_force{std::make_shared<const policy::Policy>(*std::move(parsed)), "the policy",
                                       "fuzz"};
  const bool is_identity = kind == policy::DocumentKind::identity;
  policy::PoliciesInForce policies;
  if (is_identity)
    policies.identity = {&in_force, 1};
  else
    policies.resource = &in_force;

  const auto ask = [&] {
    const policy::RequestFacts facts(ana, contexts, TimePoint{});
    return policy::decide({ana, "s3:GetObject", "arn:aws:s3:::home/ana/x", facts}, policies);
  };
  const policy::Ruling first = ask();
  const policy::Ruling second = ask();
  if (first.effect != second.effect || first.reason != second.reason) std::abort();
  if (first.effect != policy::Effect::allowed && first.reason.empty()) std::abort();
  (void)in_force.policy->context_keys();
  return 0;
}
