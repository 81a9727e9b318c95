// What sns: operations touch: a topic, or nothing in particular. A subscription belongs to its topic.
#pragma once

#include <string>

#include "ports/service.h"
#include "services/sns/rows.h"

namespace hearth::sns {

template <class Op>
std::string action_of() {
  return "sns:" + std::string(Op::name);
}

template <class Op>
struct OnTopic {
  static Access of(const RequestContext&, const typename Op::Input& in) { return {action_of<Op>(), in.topic_arn, {}}; }
};
template <class Tags>
void add_request_tags(ConditionContext& context, const Tags& tags) {
  for (const auto& tag : tags) add_request_tag(context, tag.key, tag.value);
}

template <class Op>
struct OnResource {
  static Access of(const RequestContext&, const typename Op::Input& in) {
    Access access{action_of<Op>(), in.resource_arn, {}};
    if constexpr (requires { in.tags.begin(); }) add_request_tags(access.context, in.tags);
    if constexpr (requires { in.tag_keys.begin(); })
      if (!in.tag_keys.empty()) access.context["aws:tagkeys"] = in.tag_keys;
    return access;
  }
};
template <class Op>
struct OnSubscription {
  static Access of(const RequestContext&, const typename Op::Input& in) {
    const SnsArn arn = parse_sns_arn(in.subscription_arn);
    return {action_of<Op>(), arn.topic.empty() ? "*" : arn.topic_arn(), {}};
  }
};
template <class Op>
struct OnAnything {
  static Access of(const RequestContext&, const typename Op::Input&) { return {action_of<Op>(), "*", {}}; }
};

}  // namespace hearth::sns
