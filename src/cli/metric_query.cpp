#include "cli/metric_query.h"

#include <algorithm>

#include "cli/apis.h"

namespace hearth::cli {
namespace types = api::cloudwatch;

Result<std::vector<MetricPoint>> query_metric(const Client& client, const MetricQuery& query) {
  types::MetricDataQuery data;
  data.id = "m1";
  types::MetricStat& wanted = data.metric_stat.emplace();
  wanted.metric.namespace_ = query.metric_namespace;
  wanted.metric.metric_name = query.name;
  auto& dimensions = wanted.metric.dimensions.emplace();
  for (const auto& [name, value] : query.dimensions) {
    types::Dimension dimension;
    dimension.name = name;
    dimension.value = value;
    dimensions.push_back(std::move(dimension));
  }
  wanted.period = query.period_s;
  wanted.stat = query.stat;

  types::GetMetricDataInput in;
  in.metric_data_queries.push_back(std::move(data));
  in.start_time = query.start;
  in.end_time = query.end;
  in.scan_by = "TimestampAscending";

  std::vector<MetricPoint> points;
  const auto take = [&](types::GetMetricDataOutput& page) {
    if (!page.metric_data_results) return true;
    for (const types::MetricDataResult& result : *page.metric_data_results) {
      const std::size_t count =
          std::min(result.timestamps ? result.timestamps->size() : 0, result.values ? result.values->size() : 0);
      for (std::size_t i = 0; i < count; ++i) points.push_back({(*result.timestamps)[i].time(), (*result.values)[i]});
    }
    return true;
  };
  TRY_DO(for_each_page<types::op::GetMetricData>(client, std::move(in), take));
  return points;
}

Result<std::vector<MetricName>> list_metrics(const Client& client, const std::string& metric_namespace,
                                             const std::string& name, const Dimensions& dimensions) {
  types::ListMetricsInput in;
  if (!metric_namespace.empty()) in.namespace_ = metric_namespace;
  if (!name.empty()) in.metric_name = name;
  if (!dimensions.empty()) {
    auto& filters = in.dimensions.emplace();
    for (const auto& [dimension_name, value] : dimensions) {
      types::DimensionFilter filter;
      filter.name = dimension_name;
      filter.value = value;
      filters.push_back(std::move(filter));
    }
  }
  std::vector<MetricName> metrics;
  const auto take = [&](types::ListMetricsOutput& page) {
    if (!page.metrics) return true;
    for (const types::Metric& metric : *page.metrics) {
      MetricName& found = metrics.emplace_back(metric.namespace_.value_or(""), metric.metric_name.value_or(""));
      if (!metric.dimensions) continue;
      for (const types::Dimension& dimension : *metric.dimensions)
        found.dimensions.emplace_back(dimension.name, dimension.value);
    }
    return true;
  };
  TRY_DO(for_each_page<types::op::ListMetrics>(client, std::move(in), take));
  return metrics;
}

std::string show_dimensions(const Dimensions& dimensions) {
  std::string text;
  for (const auto& [name, value] : dimensions) {
    if (!text.empty()) text += ',';
    text += name + "=" + value;
  }
  return text;
}

}  // namespace hearth::cli
