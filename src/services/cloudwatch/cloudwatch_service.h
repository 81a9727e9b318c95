// CloudWatch metrics, alarms and dashboards, on the ports alone. Safe from any thread.
// Operations are in one file each; AccessRules in access_rules.h.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string_view>

#include "api/cloudwatch/types.h"
#include "base/background.h"
#include "base/time.h"
#include "ports/metadata_store.h"
#include "ports/observability.h"
#include "ports/service.h"
#include "ports/telemetry_store.h"
#include "services/cloudwatch/alarm_rows.h"
#include "services/cloudwatch/alarm_state.h"
#include "services/cloudwatch/metric_query.h"
#include "services/cloudwatch/metric_reader.h"

namespace hearth::cloudwatch {

namespace api = hearth::api::cloudwatch;

class CloudWatchService final : public MetricSink {
 public:
  CloudWatchService(MetadataStore& store, TelemetryStore& telemetry, Notifier& notifier, const Clock& clock)
      : store_(store), telemetry_(telemetry), notifier_(notifier), clock_(clock), reader_(telemetry) {}

  void register_operations(OperationTable& table);
  // For Authorizer::add_resource_tags("arn:aws:cloudwatch:", …).
  ResourceTagSource resource_tags();

  // Evaluates all alarms every `period` in the background, until stop or the end of the service.
  void start_evaluation(std::chrono::milliseconds period);
  void stop_evaluation();
  // One round of it: new states as of `now`, with the notices they owe and those that are still owed from before.
  Async<void> evaluate_alarms(TimePoint now);

  // For other rooms: metrics in namespaces of AWS's own are welcome here.
  Async<void> put_metrics(std::string_view account_id, std::string_view region,
                          std::vector<MetricPoint> points) override;

  Async<wire::Unit> put_metric_data(const RequestContext& ctx, const api::PutMetricDataInput& in);
  Async<api::GetMetricDataOutput> get_metric_data(const RequestContext& ctx, const api::GetMetricDataInput& in);
  Async<api::GetMetricStatisticsOutput> get_metric_statistics(const RequestContext& ctx,
                                                              const api::GetMetricStatisticsInput& in);
  Async<api::ListMetricsOutput> list_metrics(const RequestContext& ctx, const api::ListMetricsInput& in);

  Async<wire::Unit> put_metric_alarm(const RequestContext& ctx, const api::PutMetricAlarmInput& in);
  Async<api::DescribeAlarmsOutput> describe_alarms(const RequestContext& ctx, const api::DescribeAlarmsInput& in);
  Async<api::DescribeAlarmsForMetricOutput> describe_alarms_for_metric(const RequestContext& ctx,
                                                                       const api::DescribeAlarmsForMetricInput& in);
  Async<api::DescribeAlarmHistoryOutput> describe_alarm_history(const RequestContext& ctx,
                                                                const api::DescribeAlarmHistoryInput& in);
  Async<wire::Unit> set_alarm_state(const RequestContext& ctx, const api::SetAlarmStateInput& in);
  Async<wire::Unit> enable_alarm_actions(const RequestContext& ctx, const api::EnableAlarmActionsInput& in);
  Async<wire::Unit> disable_alarm_actions(const RequestContext& ctx, const api::DisableAlarmActionsInput& in);
  Async<wire::Unit> delete_alarms(const RequestContext& ctx, const api::DeleteAlarmsInput& in);

  Async<api::PutDashboardOutput> put_dashboard(const RequestContext& ctx, const api::PutDashboardInput& in);
  Async<api::GetDashboardOutput> get_dashboard(const RequestContext& ctx, const api::GetDashboardInput& in);
  Async<api::ListDashboardsOutput> list_dashboards(const RequestContext& ctx, const api::ListDashboardsInput& in);
  Async<api::DeleteDashboardsOutput> delete_dashboards(const RequestContext& ctx, const api::DeleteDashboardsInput& in);

  Async<api::TagResourceOutput> tag_resource(const RequestContext& ctx, const api::TagResourceInput& in);
  Async<api::UntagResourceOutput> untag_resource(const RequestContext& ctx, const api::UntagResourceInput& in);
  Async<api::ListTagsForResourceOutput> list_tags_for_resource(const RequestContext& ctx,
                                                               const api::ListTagsForResourceInput& in);

 private:
  struct StateChange {
    std::string value;
    std::string reason;
    std::string reason_data;
  };

  // alarm_evaluation.cpp
  Async<void> evaluate_alarm(const AlarmRow& alarm, TimePoint now);
  Async<bool> has_too_few_samples(const AlarmRow& alarm, const MetricQuery& query, const Judgement& judgement,
                                  Window window);
  // Writes state, history and owed notices into `tx` and the row. Nothing when the state stays as it is.
  void change_state(Transaction& tx, AlarmRow& alarm, const StateChange& change);
  // Sends what the alarm owes and then forgets it.
  Async<void> send_owed_notices(std::string account_id, std::string region, std::string alarm_name);
  void add_history(Transaction& tx, const AlarmRow& alarm, std::string_view type, std::string summary,
                   std::string data);
  Async<void> trim_history(std::string_view account_id, std::string_view region, TimePoint now);

  Async<void> set_actions_enabled(const RequestContext& ctx, const std::vector<std::string>& alarm_names, bool enabled);
  Async<ConditionContext> tag_conditions(std::string resource_arn);
  // ResourceNotFoundException unless the ARN names an alarm or dashboard of the caller.
  Async<void> check_resource(Transaction& tx, const RequestContext& ctx, std::string_view resource_arn);

  MetadataStore& store_;
  TelemetryStore& telemetry_;
  Notifier& notifier_;
  const Clock& clock_;
  MetricReader reader_;
  std::atomic<std::uint64_t> history_number_ = 0;
  std::unique_ptr<BackgroundLoop> evaluation_;
};

}  // namespace hearth::cloudwatch
