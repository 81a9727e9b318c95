#include "services/cloudwatch/cloudwatch_service.h"

#include "base/log.h"
#include "services/cloudwatch/access_rules.h"
#include "services/cloudwatch/metric_id.h"

namespace hearth::cloudwatch {

void CloudWatchService::register_operations(OperationTable& table) {
  namespace op = api::op;
  using Service = CloudWatchService;
  table.serve<op::PutMetricData>(*this, &Service::put_metric_data);
  table.serve<op::GetMetricData>(*this, &Service::get_metric_data);
  table.serve<op::GetMetricStatistics>(*this, &Service::get_metric_statistics);
  table.serve<op::ListMetrics>(*this, &Service::list_metrics);
  table.serve<op::PutMetricAlarm>(*this, &Service::put_metric_alarm);
  table.serve<op::DescribeAlarms>(*this, &Service::describe_alarms);
  table.serve<op::DescribeAlarmsForMetric>(*this, &Service::describe_alarms_for_metric);
  table.serve<op::DescribeAlarmHistory>(*this, &Service::describe_alarm_history);
  table.serve<op::SetAlarmState>(*this, &Service::set_alarm_state);
  table.serve<op::EnableAlarmActions>(*this, &Service::enable_alarm_actions);
  table.serve<op::DisableAlarmActions>(*this, &Service::disable_alarm_actions);
  table.serve<op::DeleteAlarms>(*this, &Service::delete_alarms);
  table.serve<op::PutDashboard>(*this, &Service::put_dashboard);
  table.serve<op::GetDashboard>(*this, &Service::get_dashboard);
  table.serve<op::ListDashboards>(*this, &Service::list_dashboards);
  table.serve<op::DeleteDashboards>(*this, &Service::delete_dashboards);
  table.serve<op::TagResource>(*this, &Service::tag_resource);
  table.serve<op::UntagResource>(*this, &Service::untag_resource);
  table.serve<op::ListTagsForResource>(*this, &Service::list_tags_for_resource);
}

void CloudWatchService::start_evaluation(std::chrono::milliseconds period) {
  const auto step = [this] {
    if (const auto evaluated = sync_wait(evaluate_alarms(clock_.now())); !evaluated)
      log::warning("cannot evaluate alarms", {{"why", evaluated.error().message()}});
  };
  evaluation_ = std::make_unique<BackgroundLoop>("alarms", period, step);
}

void CloudWatchService::stop_evaluation() {
  evaluation_.reset();
}

Async<void> CloudWatchService::put_metrics(std::string_view account_id, std::string_view region,
                                           std::vector<MetricPoint> points) {
  std::vector<SeriesSample> samples;
  samples.reserve(points.size());
  for (MetricPoint& point : points) {
    const MetricId metric =
        make_metric_id(account_id, region, point.metric_namespace, point.name, std::move(point.dimensions));
    const Sample sample{point.timestamp_ms, point.value * point.count, point.value, point.value, point.count};
    samples.push_back({series_name(metric, point.unit), sample});
  }
  co_return co_await telemetry_.append_samples(std::move(samples));
}

}  // namespace hearth::cloudwatch
