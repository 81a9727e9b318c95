#include "ports/authorizer.h"

namespace hearth {

Async<Authorized> Authorizer::authorize(const Principal& principal, std::vector<Access> accesses,
                                        const ConditionContext& context) {
  for (const Access& access : accesses) {
    CO_TRY(const Decision decision, co_await decide(principal, access, context));
    if (decision.allowed) continue;
    const std::string who = principal.kind == PrincipalKind::anonymous ? "anonymous" : principal.arn;
    co_return Error(ErrorKind::denied, "User: " + who + " is not authorized to perform: " + access.action +
                                           " on resource: " + access.resource + " " + decision.reason);
  }
  co_return Authorized();
}

}  // namespace hearth
