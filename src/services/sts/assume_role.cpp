// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
#include "services/sts/assume_role.h"

#include "api/sts/errors.h"
#include "services/sts/service.h"

namespace hearth {
namespace {

ConditionContext session_conditions(const api::sts::AssumeRoleRequest& in) {
  ConditionContext context;
  context["sts:rolesessionname"] = {in.role_session_name};
  if (in.external_id) context["sts:externalid"] = {*in.external_id};
  if (in.source_identity) context["sts:sourceidentity"] = {*in.source_identity};
  if (in.tags)
    for (const api::sts::Tag& tag : *in.tags) add_request_tag(context, tag.key, tag.value);
  if (in.transitive_tag_keys) context["sts:transitivetagkeys"] = *in.transitive_tag_keys;
  return context;
}

}  // namespace

std::vector<Access> AccessRule<api::sts::op::AssumeRole>::of(const RequestContext&,
                                                             const api::sts::AssumeRoleRequest& in) {
  const ConditionContext context = session_conditions(in);
  std::vector<Access> accesses{{"sts:AssumeRole", in.role_arn, context}};
  if (in.tags && !in.tags->empty()) accesses.push_back({"sts:TagSession", in.role_arn, context});
  if (in.source_identity) accesses.push_back({"sts:SetSourceIdentity", in.role_arn, context});
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
  if (in.tags)
    for (const api::sts::Tag& tag : *in.tags) request.tags[tag.key] = tag.value;
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
