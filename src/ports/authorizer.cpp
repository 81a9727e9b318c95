#include "ports/authorizer.h"

#include "base/text.h"

namespace hearth {

void add_request_tag(ConditionContext& context, std::string_view key, std::string_view value) {
  context["aws:requesttag/" + to_lower(key)].emplace_back(value);
  context["aws:tagkeys"].emplace_back(key);
}

ConditionContext resource_tag_context(const std::map<std::string, std::string>& tags,
                                      std::initializer_list<std::string_view> vendors) {
  ConditionContext context;
  for (const auto& [key, value] : tags)
    for (const std::string_view vendor : vendors)
      context[std::string(vendor) + ":resourcetag/" + to_lower(key)].push_back(value);
  return context;
}

Async<Authorized> Authorizer::authorize(const Principal& principal, std::vector<Access> accesses,
                                        const ConditionContext& context) {
  for (const Access& access : accesses) {
    if (access.is_decided_by_handler) continue;
    CO_TRY(const Decision decision, co_await decide(principal, access, context));
    if (!decision.allowed) co_return denial(principal, access, decision);
  }
  co_return Authorized();
}

Error Authorizer::denial(const Principal& principal, const Access& access, const Decision& decision) {
  const std::string who = principal.kind == PrincipalKind::anonymous ? "anonymous" : principal.arn;
  const std::string& resource = decision.resource.empty() ? access.resource : decision.resource;
  return Error(ErrorKind::denied, "User: " + who + " is not authorized to perform: " + access.action +
                                      " on resource: " + resource + " " + decision.reason);
}

}  // namespace hearth
