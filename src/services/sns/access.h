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
template <class Op>
struct OnResource {
  static Access of(const RequestContext&, const typename Op::Input& in) {
    return {action_of<Op>(), in.resource_arn, {}};
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
