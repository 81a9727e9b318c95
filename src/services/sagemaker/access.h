// What each operation touches.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
#pragma once

#include "api/sagemaker/types.h"
#include "api/sagemaker_runtime/types.h"
#include "ports/service.h"
#include "services/sagemaker/names.h"

namespace hearth {
namespace sagemaker {

inline constexpr std::string_view service_principal = "sagemaker.amazonaws.com";

inline Access on_model(const RequestContext& ctx, std::string action, std::string_view name) {
  return {.action = std::move(action), .resource = model_arn(ctx.region, ctx.account_id, name)};
}
inline Access on_config(const RequestContext& ctx, std::string action, std::string_view name) {
  return {.action = std::move(action), .resource = config_arn(ctx.region, ctx.account_id, name)};
}
inline Access on_endpoint(const RequestContext& ctx, std::string action, std::string_view name) {
  return {.action = std::move(action), .resource = endpoint_arn(ctx.region, ctx.account_id, name)};
}
// Whoever makes SageMaker act as a role must be allowed to hand it over.
inline Access passing(const std::string& role_arn) {
  return {.action = "iam:PassRole",
          .resource = role_arn,
          .context = {{"iam:passedtoservice", {std::string(service_principal)}}}};
}
// AWS: who makes something with tags needs sagemaker:AddTags for it as well.
inline void add_tags(std::vector<Access>& accesses, const wire::Opt<std::vector<api::sagemaker::Tag>>& tags) {
  if (!tags || tags->empty()) return;
  for (Access& access : accesses)
    for (const api::sagemaker::Tag& tag : *tags) add_request_tag(access.context, tag.key, tag.value);
  Access tagging = accesses.front();
  tagging.action = "sagemaker:AddTags";
  accesses.push_back(std::move(tagging));
}

}  // namespace sagemaker

#define HEARTH_SAGEMAKER_RULE(OPERATION, WHERE, NAME)                                             \
  template <>                                                                                     \
  struct AccessRule<api::sagemaker::op::OPERATION> {                                              \
    static Access of(const RequestContext& ctx, const api::sagemaker::op::OPERATION::Input& in) { \
      return sagemaker::WHERE(ctx, "sagemaker:" #OPERATION, in.NAME);                             \
    }                                                                                             \
  };
HEARTH_SAGEMAKER_RULE(DescribeModel, on_model, model_name)
HEARTH_SAGEMAKER_RULE(DeleteModel, on_model, model_name)
HEARTH_SAGEMAKER_RULE(DescribeEndpointConfig, on_config, endpoint_config_name)
HEARTH_SAGEMAKER_RULE(DeleteEndpointConfig, on_config, endpoint_config_name)
HEARTH_SAGEMAKER_RULE(DescribeEndpoint, on_endpoint, endpoint_name)
HEARTH_SAGEMAKER_RULE(DeleteEndpoint, on_endpoint, endpoint_name)
#undef HEARTH_SAGEMAKER_RULE

#define HEARTH_SAGEMAKER_LIST_RULE(OPERATION)                                              \
  template <>                                                                              \
  struct AccessRule<api::sagemaker::op::OPERATION> {                                       \
    static Access of(const RequestContext&, const api::sagemaker::op::OPERATION::Input&) { \
      return {.action = "sagemaker:" #OPERATION, .resource = "*"};                         \
    }                                                                                      \
  };
HEARTH_SAGEMAKER_LIST_RULE(ListModels)
HEARTH_SAGEMAKER_LIST_RULE(ListEndpointConfigs)
HEARTH_SAGEMAKER_LIST_RULE(ListEndpoints)
#undef HEARTH_SAGEMAKER_LIST_RULE

template <>
struct AccessRule<api::sagemaker::op::CreateModel> {
  static std::vector<Access> of(const RequestContext& ctx, const api::sagemaker::CreateModelInput& in) {
    Access create = sagemaker::on_model(ctx, "sagemaker:CreateModel", in.model_name);
    std::vector<Access> accesses = {std::move(create)};
    sagemaker::add_tags(accesses, in.tags);
    if (in.execution_role_arn) accesses.push_back(sagemaker::passing(*in.execution_role_arn));
    return accesses;
  }
};

template <>
struct AccessRule<api::sagemaker::op::CreateEndpointConfig> {
  static std::vector<Access> of(const RequestContext& ctx, const api::sagemaker::CreateEndpointConfigInput& in) {
    Access create = sagemaker::on_config(ctx, "sagemaker:CreateEndpointConfig", in.endpoint_config_name);
    for (const api::sagemaker::ProductionVariant& variant : in.production_variants) {
      if (variant.instance_type) create.context["sagemaker:instancetypes"].push_back(*variant.instance_type);
      if (variant.model_name)
        create.context["sagemaker:modelarn"].push_back(
            sagemaker::model_arn(ctx.region, ctx.account_id, *variant.model_name));
    }
    std::vector<Access> accesses = {std::move(create)};
    sagemaker::add_tags(accesses, in.tags);
    if (in.execution_role_arn) accesses.push_back(sagemaker::passing(*in.execution_role_arn));
    return accesses;
  }
};

// AWS: both resources are required, so both must be allowed.
template <>
struct AccessRule<api::sagemaker::op::CreateEndpoint> {
  static std::vector<Access> of(const RequestContext& ctx, const api::sagemaker::CreateEndpointInput& in) {
    std::vector<Access> accesses = {sagemaker::on_endpoint(ctx, "sagemaker:CreateEndpoint", in.endpoint_name),
                                    sagemaker::on_config(ctx, "sagemaker:CreateEndpoint", in.endpoint_config_name)};
    sagemaker::add_tags(accesses, in.tags);
    return accesses;
  }
};

template <>
struct AccessRule<api::sagemaker_runtime::op::InvokeEndpoint> {
  static Access of(const RequestContext& ctx, const api::sagemaker_runtime::InvokeEndpointInput& in) {
    return sagemaker::on_endpoint(ctx, "sagemaker:InvokeEndpoint", in.endpoint_name);
  }
};
// AWS: streams are an action of their own.
template <>
struct AccessRule<api::sagemaker_runtime::op::InvokeEndpointWithResponseStream> {
  static Access of(const RequestContext& ctx, const api::sagemaker_runtime::InvokeEndpointWithResponseStreamInput& in) {
    return sagemaker::on_endpoint(ctx, "sagemaker:InvokeEndpointWithResponseStream", in.endpoint_name);
  }
};

}  // namespace hearth
