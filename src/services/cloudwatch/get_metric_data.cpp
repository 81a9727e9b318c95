#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "api/cloudwatch/errors.h"
#include "services/cloudwatch/cloudwatch_service.h"
#include "services/cloudwatch/metric_query.h"

namespace hearth::cloudwatch {
namespace {

namespace errors = hearth::api::cloudwatch::errors;

constexpr std::size_t query_count_max = 500;
constexpr int datapoint_count_max = 100'800;

// How many data points of the whole answer earlier pages have given.
Result<std::size_t> parse_token(const wire::Opt<std::string>& token) {
  std::size_t skip = 0;
  if (!token) return skip;
  const auto parsed = std::from_chars(token->data(), token->data() + token->size(), skip);
  if (parsed.ec != std::errc() || parsed.ptr != token->data() + token->size())
    return errors::invalid_next_token("The next token is not valid.");
  return skip;
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
Async<api::GetMetricDataOutput> CloudWatchService::get_metric_data(const RequestContext& ctx,
                                                                   const api::GetMetricDataInput& in) {
  if (in.start_time >= in.end_time)
    co_return errors::validation_error("The parameter StartTime must be less than the parameter EndTime.");
  if (in.metric_data_queries.empty())
    co_return errors::validation_error("The parameter MetricDataQueries must hold at least one query.");
  if (in.metric_data_queries.size() > query_count_max)
    co_return errors::validation_error("The parameter MetricDataQueries must hold at most 500 queries.");
  if (in.max_datapoints && (*in.max_datapoints < 1 || *in.max_datapoints > datapoint_count_max))
    co_return errors::validation_error("The parameter MaxDatapoints must be between 1 and 100800.");
  CO_TRY(std::size_t skip_count, parse_token(in.next_token));
  CO_TRY(const auto queries, parse_queries(ctx.account_id, ctx.region, in.metric_data_queries));
  if (std::ranges::none_of(queries, &MetricQuery::returns_data))
    co_return errors::validation_error("At least one query must have ReturnData set to true.");

  // Each query's periods begin where the clock shows a multiple of them, so that an answer does not depend on the
  // second of the question.
  const Window window{in.start_time.ms, in.end_time.ms};
  CO_TRY(auto results, co_await run_queries(reader_, queries, window));

  const bool is_ascending = in.scan_by && *in.scan_by == api::ScanBy::TimestampAscending;
  auto room = static_cast<std::size_t>(in.max_datapoints.value_or(datapoint_count_max));
  const std::size_t page_start = skip_count;
  std::size_t given_count = 0;
  bool is_complete = true;
  api::GetMetricDataOutput out;
  for (QueryResult& result : results) {
    for (TimeSeries& series : result.series) {
      if (!is_ascending) std::ranges::reverse(series.points);
      const std::size_t first = std::min(skip_count, series.points.size());
      const std::size_t count = std::min(room, series.points.size() - first);
      // A series that an earlier page has finished is not named again, one that has no points is named once.
      const bool was_finished = page_start > 0 && first == series.points.size();
      const bool is_finished = first + count == series.points.size();
      skip_count -= first;
      room -= count;
      given_count += count;
      is_complete = is_complete && is_finished;
      if (was_finished) continue;

      api::MetricDataResult& data = out.metric_data_results.v.emplace_back();
      data.id = result.id;
      data.label = series.label;
      data.status_code = std::string(is_finished ? api::StatusCode::Complete : api::StatusCode::PartialData);
      data.timestamps.has = data.values.has = true;
      for (std::size_t i = first; i < first + count; ++i) {
        data.timestamps->emplace_back(series.points[i].time_ms);
        data.values->push_back(series.points[i].value);
      }
    }
  }
  out.metric_data_results.has = true;
  out.messages.has = true;
  if (!is_complete) out.next_token = fmt::to_string(page_start + given_count);
  co_return out;
}

}  // namespace hearth::cloudwatch
