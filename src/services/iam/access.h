// What iam: operations touch. Each operation has an action of its own name; they differ in the resource.
// The gateway sees names without paths; the Authorizer puts the real path in (authorizer.cpp).
#pragma once

#include <string>
#include <string_view>

#include "api/iam/types.h"
#include "ports/service.h"
#include "services/iam/names.h"
#include "services/iam/policy/pattern.h"

namespace hearth::iam {

template <class Op>
std::string action_of() {
  return "iam:" + std::string(Op::name);
}

inline const std::string& value_of(const std::string& text) {
  return text;
}
inline const std::string& value_of(const wire::Opt<std::string>& text) {
  return *text;
}

// Condition keys of requests that carry tags.
template <class Tags>
void add_request_tags(const Tags& tags, ConditionContext& context) {
  for (const auto& tag : tags) add_request_tag(context, tag.key, tag.value);
}

template <class In>
ConditionContext request_conditions(const In& in) {
  ConditionContext context;
  if constexpr (requires { in.tags->begin(); }) {
    if (in.tags) add_request_tags(*in.tags, context);
  } else if constexpr (requires { in.tags.begin(); }) {
    add_request_tags(in.tags, context);
  }
  if constexpr (requires { in.tag_keys.begin(); })
    if (!in.tag_keys.empty()) context["aws:tagkeys"] = in.tag_keys;
  if constexpr (requires { in.permissions_boundary->size(); })
    if (in.permissions_boundary) context["iam:permissionsboundary"] = {*in.permissions_boundary};
  if constexpr (requires { in.policy_arn; }) context["iam:policyarn"] = {value_of(in.policy_arn)};
  return context;
}

// A new entity has the path it asks for; an old one is found by its name alone.
template <class In>
std::string path_of(const In& in) {
  if constexpr (requires { in.path.has; })
    if (in.path) return *in.path;
  return "/";
}

template <class Op>
struct OnUser {
  static Access of(const RequestContext& ctx, const typename Op::Input& in) {
    std::string name;
    // AWS: without a name it is about the caller.
    if constexpr (requires { in.user_name.has; })
      name = in.user_name ? *in.user_name : ctx.caller.user_name;
    else
      name = in.user_name;
    const std::string arn =
        name.empty() ? root_arn(ctx.account_id) : entity_arn(ctx.account_id, "user", path_of(in), name);
    return {action_of<Op>(), arn, request_conditions(in)};
  }
};
template <class Op>
struct OnGroup {
  static Access of(const RequestContext& ctx, const typename Op::Input& in) {
    return {action_of<Op>(), entity_arn(ctx.account_id, "group", path_of(in), in.group_name), request_conditions(in)};
  }
};
template <class Op>
struct OnRole {
  static Access of(const RequestContext& ctx, const typename Op::Input& in) {
    return {action_of<Op>(), entity_arn(ctx.account_id, "role", path_of(in), in.role_name), request_conditions(in)};
  }
};
template <class Op>
struct OnProfile {
  static Access of(const RequestContext& ctx, const typename Op::Input& in) {
    return {action_of<Op>(), entity_arn(ctx.account_id, "instance-profile", path_of(in), in.instance_profile_name),
            request_conditions(in)};
  }
};
// AWS: listing a kind of entity is about the account's whole space of them, here below a path.
template <class Op, const char* type>
struct OnAll {
  static Access of(const RequestContext& ctx, const typename Op::Input& in) {
    const std::string path = in.path_prefix ? *in.path_prefix : "/";
    return {action_of<Op>(), entity_arn(ctx.account_id, type, path, ""), {}};
  }
};
template <class Op>
struct OnNewPolicy {
  static Access of(const RequestContext& ctx, const typename Op::Input& in) {
    return {action_of<Op>(), entity_arn(ctx.account_id, "policy", path_of(in), in.policy_name), request_conditions(in)};
  }
};
template <class Op>
struct OnPolicy {
  static Access of(const RequestContext&, const typename Op::Input& in) { return {action_of<Op>(), in.policy_arn, {}}; }
};
// AWS: who makes an entity with tags needs the action that tags it ("iam:TagUser") as well.
template <class Rule, const char* tagging_action>
struct AndTagging {
  template <class In>
  static std::vector<Access> of(const RequestContext& ctx, const In& in) {
    std::vector<Access> accesses{Rule::of(ctx, in)};
    if (!in.tags || in.tags->empty()) return accesses;
    Access tagging = accesses.front();
    tagging.action = tagging_action;
    accesses.push_back(std::move(tagging));
    return accesses;
  }
};
template <class Op>
struct OnAnything {
  static Access of(const RequestContext&, const typename Op::Input&) { return {action_of<Op>(), "*", {}}; }
};

}  // namespace hearth::iam
