// What each operation touches.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
#pragma once

#include "ports/service.h"
#include "services/logs/service.h"

namespace hearth {
namespace logs {

inline Access on_group(const RequestContext& ctx, std::string action, std::string_view group) {
  return {.action = std::move(action), .resource = group_arn(ctx.region, ctx.account_id, group) + ":*"};
}
inline Access on_stream(const RequestContext& ctx, std::string action, std::string_view group,
                        std::string_view stream) {
  return {.action = std::move(action),
          .resource = group_arn(ctx.region, ctx.account_id, group) + ":log-stream:" + std::string(stream)};
}

// Written in the one way that policies name a group, however the request writes it: ":*" must not lead past a Deny.
inline Access on_arn(const RequestContext& ctx, std::string action, const std::string& arn) {
  const std::string own = group_arn(ctx.region, ctx.account_id, group_name_of({}, wire::Opt<std::string>(arn)));
  return {.action = std::move(action), .resource = arn == own + ":*" ? own : arn};
}

}  // namespace logs

#define HEARTH_LOGS_GROUP_RULE(OPERATION, INPUT, GROUP)                       \
  template <>                                                                 \
  struct AccessRule<api::logs::op::OPERATION> {                               \
    static Access of(const RequestContext& ctx, const api::logs::INPUT& in) { \
      return logs::on_group(ctx, "logs:" #OPERATION, GROUP);                  \
    }                                                                         \
  };
HEARTH_LOGS_GROUP_RULE(DeleteLogGroup, DeleteLogGroupRequest, in.log_group_name)
HEARTH_LOGS_GROUP_RULE(CreateLogStream, CreateLogStreamRequest, in.log_group_name)
HEARTH_LOGS_GROUP_RULE(DescribeLogStreams, DescribeLogStreamsRequest,
                       logs::group_name_of(in.log_group_name, in.log_group_identifier))
HEARTH_LOGS_GROUP_RULE(FilterLogEvents, FilterLogEventsRequest,
                       logs::group_name_of(in.log_group_name, in.log_group_identifier))
HEARTH_LOGS_GROUP_RULE(PutRetentionPolicy, PutRetentionPolicyRequest, in.log_group_name)
HEARTH_LOGS_GROUP_RULE(DeleteRetentionPolicy, DeleteRetentionPolicyRequest, in.log_group_name)
#undef HEARTH_LOGS_GROUP_RULE

// AWS: who makes a group with tags needs logs:TagResource as well.
template <>
struct AccessRule<api::logs::op::CreateLogGroup> {
  static std::vector<Access> of(const RequestContext& ctx, const api::logs::CreateLogGroupRequest& in) {
    Access create = logs::on_group(ctx, "logs:CreateLogGroup", in.log_group_name);
    if (!in.tags || in.tags->empty()) return {std::move(create)};
    for (const auto& [key, value] : *in.tags) add_request_tag(create.context, key, value);
    Access tag = create;
    tag.action = "logs:TagResource";
    return {std::move(create), std::move(tag)};
  }
};
template <>
struct AccessRule<api::logs::op::DescribeLogGroups> {
  static Access of(const RequestContext& ctx, const api::logs::DescribeLogGroupsRequest&) {
    return {.action = "logs:DescribeLogGroups", .resource = logs::group_arn(ctx.region, ctx.account_id, "*")};
  }
};
template <>
struct AccessRule<api::logs::op::DeleteLogStream> {
  static Access of(const RequestContext& ctx, const api::logs::DeleteLogStreamRequest& in) {
    return logs::on_stream(ctx, "logs:DeleteLogStream", in.log_group_name, in.log_stream_name);
  }
};
template <>
struct AccessRule<api::logs::op::PutLogEvents> {
  static Access of(const RequestContext& ctx, const api::logs::PutLogEventsRequest& in) {
    return logs::on_stream(ctx, "logs:PutLogEvents", in.log_group_name, in.log_stream_name);
  }
};
template <>
struct AccessRule<api::logs::op::GetLogEvents> {
  static Access of(const RequestContext& ctx, const api::logs::GetLogEventsRequest& in) {
    return logs::on_stream(ctx, "logs:GetLogEvents", logs::group_name_of(in.log_group_name, in.log_group_identifier),
                           in.log_stream_name);
  }
};
template <>
struct AccessRule<api::logs::op::TagResource> {
  static Access of(const RequestContext& ctx, const api::logs::TagResourceRequest& in) {
    Access access = logs::on_arn(ctx, "logs:TagResource", in.resource_arn);
    for (const auto& [key, value] : in.tags) add_request_tag(access.context, key, value);
    return access;
  }
};
template <>
struct AccessRule<api::logs::op::UntagResource> {
  static Access of(const RequestContext& ctx, const api::logs::UntagResourceRequest& in) {
    Access access = logs::on_arn(ctx, "logs:UntagResource", in.resource_arn);
    if (!in.tag_keys.empty()) access.context["aws:tagkeys"] = in.tag_keys;
    return access;
  }
};
template <>
struct AccessRule<api::logs::op::ListTagsForResource> {
  static Access of(const RequestContext& ctx, const api::logs::ListTagsForResourceRequest& in) {
    return logs::on_arn(ctx, "logs:ListTagsForResource", in.resource_arn);
  }
};

}  // namespace hearth
