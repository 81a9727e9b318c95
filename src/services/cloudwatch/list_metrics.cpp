#include <algorithm>

#include "api/cloudwatch/errors.h"
#include "services/cloudwatch/cloudwatch_service.h"
#include "services/cloudwatch/metric_id.h"

namespace hearth::cloudwatch {
namespace {

namespace errors = hearth::api::cloudwatch::errors;

constexpr std::size_t page_size = 500;
constexpr std::chrono::hours recent(3);

bool matches(const MetricId& metric, const api::ListMetricsInput& in) {
  if (in.metric_name && metric.name != *in.metric_name) return false;
  return std::ranges::all_of(in.dimensions.v, [&](const api::DimensionFilter& filter) {
    return std::ranges::any_of(metric.dimensions, [&](const auto& dimension) {
      return dimension.first == filter.name && (!filter.value || dimension.second == *filter.value);
    });
  });
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html
Async<api::ListMetricsOutput> CloudWatchService::list_metrics(const RequestContext& ctx,
                                                              const api::ListMetricsInput& in) {
  if (in.owning_account && *in.owning_account != ctx.account_id)
    co_return errors::invalid_parameter_value("The parameter OwningAccount names an account that is not linked.");
  std::string after;
  if (in.next_token) {
    auto decoded = from_base64(*in.next_token);
    if (!decoded) co_return errors::invalid_parameter_value("The value for parameter NextToken is invalid.");
    after = *std::move(decoded);
  }
  const auto given = [](const wire::Opt<std::string>& text) { return text ? std::optional(*text) : std::nullopt; };
  const std::string prefix = listing_prefix(ctx.account_id, ctx.region, given(in.namespace_), given(in.metric_name));
  const std::int64_t now_ms = to_ms(clock_.now());
  const TimeSpan recently{now_ms - milliseconds(recent).count(), now_ms + milliseconds(recent).count()};

  api::ListMetricsOutput out;
  out.metrics.has = true;
  MetricId last;
  for (;;) {
    CO_TRY(const auto names, co_await telemetry_.series(prefix, after, page_size));
    for (const std::string& name : names) {
      const MetricSeries series = parse_series(name);
      // One metric is one entry, in however many units it was reported; they follow each other.
      if (series.metric != last && matches(series.metric, in)) {
        bool is_active = true;
        if (in.recently_active) {
          CO_TRY(const auto samples, co_await telemetry_.samples(name, recently));
          is_active = !samples.empty();
        }
        if (is_active && out.metrics->size() == page_size) {
          out.next_token = to_base64(after);
          co_return out;
        }
        if (is_active) {
          out.metrics->push_back({series.metric.metric_namespace, series.metric.name, to_dimensions(series.metric)});
          last = series.metric;
        }
      }
      after = name;
    }
    if (names.size() < page_size) co_return out;
  }
}

}  // namespace hearth::cloudwatch
