// What ec2: operations touch. AWS authorises the Describe calls on "*" only; the others name what they are given.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ports/service.h"

namespace hearth::ec2 {

inline std::string arn(const RequestContext& ctx, std::string_view type, std::string_view id) {
  return "arn:aws:ec2:" + ctx.region + ":" + ctx.account_id + ":" + std::string(type) + "/" + std::string(id);
}

// AWS: images are the one kind whose ARN names no account.
inline std::string image_arn(const RequestContext& ctx, std::string_view id) {
  return "arn:aws:ec2:" + ctx.region + "::image/" + std::string(id);
}

template <class Op>
std::string action_of() {
  return "ec2:" + std::string(Op::name);
}

template <class Op>
struct OnAnything {
  static Access of(const RequestContext&, const typename Op::Input&) { return {action_of<Op>(), "*", {}}; }
};
template <class Op>
struct OnInstance {
  static Access of(const RequestContext& ctx, const typename Op::Input& in) {
    return {action_of<Op>(), arn(ctx, "instance", in.instance_id), {}};
  }
};
template <class Op>
struct OnInstances {
  static std::vector<Access> of(const RequestContext& ctx, const typename Op::Input& in) {
    std::vector<Access> accesses;
    for (const auto& id : in.instance_ids) accesses.push_back({action_of<Op>(), arn(ctx, "instance", id), {}});
    if (accesses.empty()) accesses.push_back({action_of<Op>(), arn(ctx, "instance", "*"), {}});
    return accesses;
  }
};

// Condition keys of tags that a call gives to what it makes.
template <class Tags>
void add_tag_conditions(const Tags& tags, ConditionContext& context) {
  for (const auto& tag : tags) add_request_tag(context, tag.key.value_or(""), tag.value.value_or(""));
}

// The same out of a call's TagSpecifications: those for one kind of resource, or for every kind where none is named.
template <class TagSpecifications>
void add_specified_tag_conditions(const TagSpecifications& specifications, ConditionContext& context,
                                  std::string_view resource_type = {}) {
  if (!specifications) return;
  for (const auto& specification : *specifications)
    if (specification.tags && (resource_type.empty() || specification.resource_type.value_or("") == resource_type))
      add_tag_conditions(*specification.tags, context);
}

// AWS: who tags what a call makes needs ec2:CreateTags for it as well; ec2:CreateAction says for which call.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
template <class Op>
void add_tagging(const RequestContext& ctx, const typename Op::Input& in, std::vector<Access>& accesses) {
  if (!in.tag_specifications) return;
  for (const auto& specification : *in.tag_specifications) {
    if (!specification.tags || specification.tags->empty()) continue;
    const std::string type = specification.resource_type.value_or("*");
    Access tagging{"ec2:CreateTags", type == "image" ? image_arn(ctx, "*") : arn(ctx, type, "*"), {}};
    tagging.context["ec2:createaction"] = {std::string(Op::name)};
    add_tag_conditions(*specification.tags, tagging.context);
    accesses.push_back(std::move(tagging));
  }
}

}  // namespace hearth::ec2
