// Alarms between rows and API structures.
#pragma once

#include "api/cloudwatch/types.h"
#include "services/cloudwatch/alarm_rows.h"
#include "services/cloudwatch/metric_query.h"

namespace hearth::cloudwatch {

api::MetricAlarm describe_alarm(const AlarmRow& alarm);
std::vector<api::MetricDataQuery> describe_queries(const std::vector<QueryRow>& queries);
std::vector<QueryRow> to_query_rows(const std::vector<api::MetricDataQuery>& queries);
std::vector<DimensionRow> to_dimension_rows(const wire::Opt<std::vector<api::Dimension>>& dimensions);

// What an alarm watches, as queries of which one returns data. A single metric becomes one query.
Result<std::vector<MetricQuery>> alarm_queries(const AlarmRow& alarm);
// The period it is evaluated in.
int alarm_period_seconds(const AlarmRow& alarm, const std::vector<MetricQuery>& queries);

}  // namespace hearth::cloudwatch
