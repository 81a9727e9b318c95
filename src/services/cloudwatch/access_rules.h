// What each operation touches.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
#pragma once

#include <string>
#include <vector>

#include "api/cloudwatch/types.h"
#include "ports/service.h"
#include "services/cloudwatch/arn.h"

namespace hearth {

namespace cloudwatch {

inline Access on_alarm(const RequestContext& ctx, std::string action, std::string_view alarm_name) {
  return {.action = std::move(action), .resource = arn::alarm(ctx.region, ctx.account_id, alarm_name)};
}
inline std::vector<Access> on_alarms(const RequestContext& ctx, const std::string& action,
                                     const std::vector<std::string>& alarm_names) {
  std::vector<Access> accesses;
  for (const std::string& name : alarm_names) accesses.push_back(on_alarm(ctx, action, name));
  if (accesses.empty()) accesses.push_back(on_alarm(ctx, action, "*"));
  return accesses;
}
inline Access on_dashboard(const RequestContext& ctx, std::string action, std::string_view dashboard_name) {
  return {.action = std::move(action), .resource = arn::dashboard(ctx.account_id, dashboard_name)};
}
inline Access on_everything(std::string action) {
  return {.action = std::move(action), .resource = "*"};
}

// AWS: who makes something with tags needs cloudwatch:TagResource as well.
inline std::vector<Access> with_tags(Access access, const std::vector<hearth::api::cloudwatch::Tag>& tags) {
  if (tags.empty()) return {std::move(access)};
  for (const auto& tag : tags) add_request_tag(access.context, tag.key, tag.value);
  Access tagging = access;
  tagging.action = "cloudwatch:TagResource";
  return {std::move(access), std::move(tagging)};
}

}  // namespace cloudwatch

template <>
struct AccessRule<api::cloudwatch::op::PutMetricData> {
  static Access of(const RequestContext&, const api::cloudwatch::PutMetricDataInput& in) {
    return {
        .action = "cloudwatch:PutMetricData", .resource = "*", .context = {{"cloudwatch:namespace", {in.namespace_}}}};
  }
};
template <>
struct AccessRule<api::cloudwatch::op::GetMetricData> {
  static Access of(const RequestContext&, const api::cloudwatch::GetMetricDataInput&) {
    return cloudwatch::on_everything("cloudwatch:GetMetricData");
  }
};
template <>
struct AccessRule<api::cloudwatch::op::GetMetricStatistics> {
  static Access of(const RequestContext&, const api::cloudwatch::GetMetricStatisticsInput&) {
    return cloudwatch::on_everything("cloudwatch:GetMetricStatistics");
  }
};
template <>
struct AccessRule<api::cloudwatch::op::ListMetrics> {
  static Access of(const RequestContext&, const api::cloudwatch::ListMetricsInput&) {
    return cloudwatch::on_everything("cloudwatch:ListMetrics");
  }
};

template <>
struct AccessRule<api::cloudwatch::op::PutMetricAlarm> {
  static std::vector<Access> of(const RequestContext& ctx, const api::cloudwatch::PutMetricAlarmInput& in) {
    Access access = cloudwatch::on_alarm(ctx, "cloudwatch:PutMetricAlarm", in.alarm_name);
    for (const auto* actions : {&in.alarm_actions.v, &in.ok_actions.v, &in.insufficient_data_actions.v})
      for (const std::string& action : *actions) access.context["cloudwatch:alarmactions"].push_back(action);
    return cloudwatch::with_tags(std::move(access), in.tags.v);
  }
};
template <>
struct AccessRule<api::cloudwatch::op::DescribeAlarms> {
  static std::vector<Access> of(const RequestContext& ctx, const api::cloudwatch::DescribeAlarmsInput& in) {
    return cloudwatch::on_alarms(ctx, "cloudwatch:DescribeAlarms", in.alarm_names.v);
  }
};
template <>
struct AccessRule<api::cloudwatch::op::DescribeAlarmsForMetric> {
  static Access of(const RequestContext&, const api::cloudwatch::DescribeAlarmsForMetricInput&) {
    return cloudwatch::on_everything("cloudwatch:DescribeAlarmsForMetric");
  }
};
template <>
struct AccessRule<api::cloudwatch::op::DescribeAlarmHistory> {
  static Access of(const RequestContext& ctx, const api::cloudwatch::DescribeAlarmHistoryInput& in) {
    return cloudwatch::on_alarm(ctx, "cloudwatch:DescribeAlarmHistory", in.alarm_name.value_or("*"));
  }
};
template <>
struct AccessRule<api::cloudwatch::op::SetAlarmState> {
  static Access of(const RequestContext& ctx, const api::cloudwatch::SetAlarmStateInput& in) {
    return cloudwatch::on_alarm(ctx, "cloudwatch:SetAlarmState", in.alarm_name);
  }
};
template <>
struct AccessRule<api::cloudwatch::op::EnableAlarmActions> {
  static std::vector<Access> of(const RequestContext& ctx, const api::cloudwatch::EnableAlarmActionsInput& in) {
    return cloudwatch::on_alarms(ctx, "cloudwatch:EnableAlarmActions", in.alarm_names);
  }
};
template <>
struct AccessRule<api::cloudwatch::op::DisableAlarmActions> {
  static std::vector<Access> of(const RequestContext& ctx, const api::cloudwatch::DisableAlarmActionsInput& in) {
    return cloudwatch::on_alarms(ctx, "cloudwatch:DisableAlarmActions", in.alarm_names);
  }
};
template <>
struct AccessRule<api::cloudwatch::op::DeleteAlarms> {
  static std::vector<Access> of(const RequestContext& ctx, const api::cloudwatch::DeleteAlarmsInput& in) {
    return cloudwatch::on_alarms(ctx, "cloudwatch:DeleteAlarms", in.alarm_names);
  }
};

template <>
struct AccessRule<api::cloudwatch::op::PutDashboard> {
  static std::vector<Access> of(const RequestContext& ctx, const api::cloudwatch::PutDashboardInput& in) {
    return cloudwatch::with_tags(cloudwatch::on_dashboard(ctx, "cloudwatch:PutDashboard", in.dashboard_name),
                                 in.tags.v);
  }
};
template <>
struct AccessRule<api::cloudwatch::op::GetDashboard> {
  static Access of(const RequestContext& ctx, const api::cloudwatch::GetDashboardInput& in) {
    return cloudwatch::on_dashboard(ctx, "cloudwatch:GetDashboard", in.dashboard_name);
  }
};
template <>
struct AccessRule<api::cloudwatch::op::ListDashboards> {
  static Access of(const RequestContext&, const api::cloudwatch::ListDashboardsInput&) {
    return cloudwatch::on_everything("cloudwatch:ListDashboards");
  }
};
template <>
struct AccessRule<api::cloudwatch::op::DeleteDashboards> {
  static std::vector<Access> of(const RequestContext& ctx, const api::cloudwatch::DeleteDashboardsInput& in) {
    std::vector<Access> accesses;
    for (const std::string& name : in.dashboard_names)
      accesses.push_back(cloudwatch::on_dashboard(ctx, "cloudwatch:DeleteDashboards", name));
    if (accesses.empty()) accesses.push_back(cloudwatch::on_dashboard(ctx, "cloudwatch:DeleteDashboards", "*"));
    return accesses;
  }
};

template <>
struct AccessRule<api::cloudwatch::op::TagResource> {
  static Access of(const RequestContext&, const api::cloudwatch::TagResourceInput& in) {
    Access access{.action = "cloudwatch:TagResource", .resource = in.resource_arn};
    for (const auto& tag : in.tags) add_request_tag(access.context, tag.key, tag.value);
    return access;
  }
};
template <>
struct AccessRule<api::cloudwatch::op::UntagResource> {
  static Access of(const RequestContext&, const api::cloudwatch::UntagResourceInput& in) {
    Access access{.action = "cloudwatch:UntagResource", .resource = in.resource_arn};
    if (!in.tag_keys.empty()) access.context["aws:tagkeys"] = in.tag_keys;
    return access;
  }
};
template <>
struct AccessRule<api::cloudwatch::op::ListTagsForResource> {
  static Access of(const RequestContext&, const api::cloudwatch::ListTagsForResourceInput& in) {
    return {.action = "cloudwatch:ListTagsForResource", .resource = in.resource_arn};
  }
};

}  // namespace hearth
