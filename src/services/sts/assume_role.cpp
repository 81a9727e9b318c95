// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
#include "services/sts/assume_role.h"

#include <set>

#include "api/sts/errors.h"
#include "base/text.h"
#include "services/sts/service.h"

namespace hearth {
namespace {

ConditionContext session_conditions(const Principal& caller, const api::sts::AssumeRoleRequest& in) {
  ConditionContext context;
  context["sts:rolesessionname"] = {in.role_session_name};
  if (in.external_id) context["sts:externalid"] = {*in.external_id};
  if (const std::string source = in.source_identity.value_or(caller.source_identity); !source.empty())
    context["sts:sourceidentity"] = {source};
  if (in.tags)
    for (const api::sts::Tag& tag : *in.tags) add_request_tag(context, tag.key, tag.value);
  if (in.transitive_tag_keys) context["sts:transitivetagkeys"] = *in.transitive_tag_keys;
  return context;
}

}  // namespace

// What a session hands on to the next (transitive tags, its source identity) is set there as well.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
std::vector<Access> AccessRule<api::sts::op::AssumeRole>::of(const RequestContext& ctx,
                                                             const api::sts::AssumeRoleRequest& in) {
  const ConditionContext context = session_conditions(ctx.caller, in);
  const bool has_tags = (in.tags && !in.tags->empty()) || !ctx.caller.transitive_tag_keys.empty();
  const bool has_source = in.source_identity || !ctx.caller.source_identity.empty();
  std::vector<Access> accesses{{"sts:AssumeRole", in.role_arn, context}};
  if (has_tags) accesses.push_back({"sts:TagSession", in.role_arn, context});
  if (has_source) accesses.push_back({"sts:SetSourceIdentity", in.role_arn, context});
  return accesses;
}

namespace sts {

Async<api::sts::AssumeRoleResponse> StsService::assume_role(const RequestContext& ctx,
                                                            const api::sts::AssumeRoleRequest& in) {
  if (in.serial_number || in.token_code)
    co_return api::sts::errors::validation_error(
        "MFA devices are not served here: leave out SerialNumber and TokenCode.");
  RoleSessionRequest request;
  request.role_arn = in.role_arn;
  request.session_name = in.role_session_name;
  request.session_policy = in.policy.value_or("");
  if (in.policy_arns)
    for (const api::sts::PolicyDescriptorType& policy : *in.policy_arns)
      if (policy.arn) request.session_policy_arns.push_back(*policy.arn);
  request.duration = std::chrono::seconds(in.duration_seconds.value_or(3600));
  std::set<std::string> tag_keys;
  if (in.tags)
    for (const api::sts::Tag& tag : *in.tags) {
      if (!tag_keys.insert(to_lower(tag.key)).second)
        co_return api::sts::errors::validation_error(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
      request.tags[tag.key] = tag.value;
    }
  if (in.transitive_tag_keys)
    for (const std::string& key : *in.transitive_tag_keys)
      if (!tag_keys.contains(to_lower(key)))
        co_return api::sts::errors::validation_error("The specified transitive tag key " + key +
                                                     " must be included in the requested tags.");
  if (in.transitive_tag_keys) request.transitive_tag_keys = *in.transitive_tag_keys;
  request.source_identity = in.source_identity.value_or("");
  CO_TRY(const RoleSession session, co_await issuer_.start_role_session(ctx.caller, std::move(request)));

  api::sts::AssumeRoleResponse out;
  out.credentials = credentials_view(session.credentials);
  out.assumed_role_user = api::sts::AssumedRoleUser{session.assumed_role_id, session.assumed_role_arn};
  if (in.policy || in.policy_arns || in.tags) out.packed_policy_size = session.packed_policy_size_percent;
  if (!session.source_identity.empty()) out.source_identity = session.source_identity;
  co_return out;
}

}  // namespace sts
}  // namespace hearth
