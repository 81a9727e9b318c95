#include <algorithm>

#include "api/cloudwatch/errors.h"
#include "ports/read_rows.h"
#include "services/cloudwatch/alarm_description.h"
#include "services/cloudwatch/cloudwatch_service.h"

namespace hearth::cloudwatch {
namespace {

namespace errors = hearth::api::cloudwatch::errors;

constexpr int record_count_default = 50;

bool has_action(const AlarmRow& alarm, std::string_view prefix) {
  for (const auto* actions : {&alarm.ok_actions, &alarm.alarm_actions, &alarm.insufficient_data_actions})
    if (std::ranges::any_of(*actions, [&](const std::string& action) { return action.starts_with(prefix); }))
      return true;
  return false;
}

bool matches(const AlarmRow& alarm, const api::DescribeAlarmsInput& in) {
  if (in.alarm_names && !in.alarm_names->empty() &&
      std::ranges::find(*in.alarm_names, alarm.name) == in.alarm_names->end())
    return false;
  if (in.alarm_name_prefix && !alarm.name.starts_with(*in.alarm_name_prefix)) return false;
  if (in.state_value && alarm.state_value != *in.state_value) return false;
  return !in.action_prefix || has_action(alarm, *in.action_prefix);
}

// Only composite alarms have relatives, and there are none.
bool wants_metric_alarms(const api::DescribeAlarmsInput& in) {
  if (in.children_of_alarm_name || in.parents_of_alarm_name) return false;
  return !in.alarm_types || in.alarm_types->empty() ||
         std::ranges::find(*in.alarm_types, api::AlarmType::MetricAlarm) != in.alarm_types->end();
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
Async<api::DescribeAlarmsOutput> CloudWatchService::describe_alarms(const RequestContext& ctx,
                                                                    const api::DescribeAlarmsInput& in) {
  if (in.alarm_names && !in.alarm_names->empty() && in.alarm_name_prefix)
    co_return errors::validation_error("AlarmNames and AlarmNamePrefix cannot be specified together.");
  std::string after;
  if (in.next_token) {
    auto decoded = from_base64(*in.next_token);
    if (!decoded) co_return errors::invalid_next_token("The next token is not valid.");
    after = *std::move(decoded);
  }

  api::DescribeAlarmsOutput out;
  out.metric_alarms.has = out.composite_alarms.has = true;
  if (!wants_metric_alarms(in)) co_return out;
  const auto record_count_max = static_cast<std::size_t>(in.max_records.value_or(record_count_default));
  CO_TRY(const auto alarms, co_await read_rows<AlarmRow>(store_, alarms_prefix(ctx.account_id, ctx.region)));
  std::string last;
  for (const AlarmRow& alarm : alarms) {
    if (alarm.name <= after || !matches(alarm, in)) continue;
    if (out.metric_alarms->size() == record_count_max) {
      out.next_token = to_base64(last);
      break;
    }
    out.metric_alarms->push_back(describe_alarm(alarm));
    last = alarm.name;
  }
  co_return out;
}

}  // namespace hearth::cloudwatch
