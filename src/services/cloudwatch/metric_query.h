// A set of metric queries that may refer to each other: what GetMetricData and metric-math alarms ask for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/cloudwatch/types.h"
#include "services/cloudwatch/metric_id.h"
#include "services/cloudwatch/metric_math.h"
#include "services/cloudwatch/metric_reader.h"
#include "services/cloudwatch/statistic.h"

namespace hearth::cloudwatch {

struct MetricQuery {
  // Either a metric …
  struct Source {
    MetricId metric;
    Statistic statistic;
    std::optional<std::string> unit;
  };
  std::string id;
  std::optional<Source> source;
  // … or an expression.
  std::optional<math::Expression> expression;
  int period_seconds = 60;  // of a metric
  std::string label;        // empty: the metric's name, or the expression's id; may have dynamic parts
  bool returns_data = true;
};

struct QueryResult {
  std::string id;
  std::vector<TimeSeries> series;  // an expression may give several
};

// Whether CloudWatch knows such a period: 1, 5, 10, 20, 30 or a multiple of 60 seconds.
bool is_period(int seconds);

// Checks ids, periods, statistics and expressions as AWS does. ValidationError otherwise.
Result<std::vector<MetricQuery>> parse_queries(std::string_view account_id, std::string_view region,
                                               const std::vector<api::MetricDataQuery>& queries);

// Whether the queries can be evaluated whatever data there are, and each that returns data gives just one time series:
// what an alarm needs. ValidationError otherwise.
Result<void> check_single_series(const std::vector<MetricQuery>& queries);

// Results of the queries that return data, in their order.
// ValidationError for an expression that cannot be evaluated.
Async<std::vector<QueryResult>> run_queries(MetricReader& reader, const std::vector<MetricQuery>& queries,
                                            Window window);

}  // namespace hearth::cloudwatch
