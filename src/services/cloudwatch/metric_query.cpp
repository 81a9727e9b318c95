#include "services/cloudwatch/metric_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "api/cloudwatch/errors.h"
#include "services/cloudwatch/metric_label.h"

namespace hearth::cloudwatch {
namespace {

namespace errors = hearth::api::cloudwatch::errors;

bool is_query_id(std::string_view id) {
  const auto is_word = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  return !id.empty() && std::islower(static_cast<unsigned char>(id.front())) && std::ranges::all_of(id, is_word);
}

Error in_expression(std::string_view id, const Error& error) {
  return errors::validation_error(fmt::format("Error in expression '{}': {}", id, error.message()));
}

Result<MetricQuery> parse_query(std::string_view account_id, std::string_view region, const api::MetricDataQuery& in) {
  MetricQuery query{.id = in.id, .label = in.label.v, .returns_data = in.return_data.value_or(true)};
  if (!is_query_id(in.id))
    return errors::validation_error(fmt::format(
        "The value '{}' for an Id is not valid: it must start with a lower-case letter and hold letters, digits and _",
        in.id));
  if (in.metric_stat.has == in.expression.has)
    return errors::validation_error(
        fmt::format("The query '{}' must have exactly one of MetricStat and Expression", in.id));
  if (const auto label = check_label(query.label); !label)
    return errors::validation_error(fmt::format("Error in the label of '{}': {}", in.id, label.error().message()));
  if (in.account_id && *in.account_id != account_id)
    return errors::validation_error(fmt::format("The query '{}' asks for another account's metrics", in.id));

  if (in.expression) {
    auto expression = math::Expression::parse(*in.expression);
    if (!expression) return in_expression(in.id, expression.error());
    query.expression = *std::move(expression);
    if (in.period && !is_period(*in.period))
      return errors::validation_error(fmt::format("The period of the query '{}' is not valid", in.id));
    return query;
  }

  const api::MetricStat& stat = *in.metric_stat;
  if (!is_period(stat.period))
    return errors::validation_error(fmt::format(
        "The period {} of the query '{}' must be 1, 5, 10, 20, 30 or a multiple of 60", stat.period, in.id));
  if (!stat.metric.namespace_ || !stat.metric.metric_name)
    return errors::validation_error(fmt::format("The metric of the query '{}' needs a namespace and a name", in.id));
  auto statistic = Statistic::parse(stat.stat);
  if (!statistic) return errors::validation_error(statistic.error().message());
  query.period_seconds = stat.period;
  query.source = MetricQuery::Source{
      .metric = make_metric_id(account_id, region, *stat.metric.namespace_, *stat.metric.metric_name,
                               to_pairs(stat.metric.dimensions)),
      .statistic = *std::move(statistic),
      .unit = stat.unit ? std::optional(*stat.unit) : std::nullopt,
  };
  return query;
}

// Evaluates expressions in the order they need each other.
class ExpressionSet {
 public:
  ExpressionSet(const std::vector<MetricQuery>& queries, math::Environment environment)
      : environment_(std::move(environment)) {
    for (const MetricQuery& query : queries) queries_.emplace(query.id, &query);
  }

  Result<math::Value> value_of(const std::string& id) {
    if (const auto known = environment_.values.find(id); known != environment_.values.end()) return known->second;
    const auto found = queries_.find(id);
    if (found == queries_.end()) return Error(ErrorKind::invalid, "'" + id + "' is not defined");
    if (!in_progress_.insert(id).second) return Error(ErrorKind::invalid, "'" + id + "' refers to itself");
    const math::Expression& expression = *found->second->expression;
    for (const std::string& reference : expression.references()) TRY_DO(define(reference));
    TRY(math::Value value, math::evaluate(expression, environment_));
    in_progress_.erase(id);
    environment_.values.emplace(id, value);
    return value;
  }

 private:
  Result<void> define(const std::string& id) {
    TRY([[maybe_unused]] const math::Value value, value_of(id));
    return ok;
  }

  math::Environment environment_;
  std::map<std::string, const MetricQuery*> queries_;
  std::set<std::string> in_progress_;
};

Result<std::vector<TimeSeries>> to_series_list(const math::Value& value) {
  if (const auto* series = std::get_if<TimeSeries>(&value)) return std::vector<TimeSeries>{*series};
  if (const auto* list = std::get_if<math::SeriesList>(&value)) return *list;
  return Error(ErrorKind::invalid, "the expression gives a number; it must give a time series");
}

// A dynamic label says where the rest of a series' name goes; a plain one stands before it.
std::string label_of(const MetricQuery& query, const TimeSeries& series, bool is_list) {
  LabelProperties properties{.own_label = series.label};
  if (query.source) {
    const MetricId& metric = query.source->metric;
    properties.properties = {
        {"AccountId", metric.account_id},         {"Region", metric.region},
        {"Namespace", metric.metric_namespace},   {"MetricName", metric.name},
        {"Stat", query.source->statistic.name()}, {"Period", std::to_string(query.period_seconds)}};
    for (const auto& [name, value] : metric.dimensions) properties.properties["Dim." + name] = value;
  }
  const std::string text = render_label(query.label, series, properties);
  const bool says_where = query.label.find("${") != std::string::npos;
  return is_list && !says_where && !series.label.empty() ? text + " " + series.label : text;
}

}  // namespace

bool is_period(int seconds) {
  constexpr int short_periods[] = {1, 5, 10, 20, 30};
  return (seconds > 0 && seconds % 60 == 0) || std::ranges::find(short_periods, seconds) != std::end(short_periods);
}

Result<std::vector<MetricQuery>> parse_queries(std::string_view account_id, std::string_view region,
                                               const std::vector<api::MetricDataQuery>& in) {
  std::vector<MetricQuery> queries;
  std::set<std::string> ids;
  for (const api::MetricDataQuery& one : in) {
    TRY(MetricQuery query, parse_query(account_id, region, one));
    if (!ids.insert(query.id).second)
      return errors::validation_error(fmt::format("The Id '{}' is used more than once", query.id));
    queries.push_back(std::move(query));
  }
  return queries;
}

Result<void> check_single_series(const std::vector<MetricQuery>& queries) {
  math::Environment environment{.window = {0, 60'000}};
  for (const MetricQuery& query : queries) {
    if (!query.source) continue;
    const TimeSeries series{.label = query.id, .period_seconds = query.period_seconds, .points = {{0, 1}}};
    environment.metrics.emplace(query.id, series);
    environment.values.emplace(query.id, series);
  }
  ExpressionSet expressions(queries, std::move(environment));
  for (const MetricQuery& query : queries) {
    const auto value = expressions.value_of(query.id);
    if (!value) return in_expression(query.id, value.error());
    if (!query.returns_data) continue;
    const auto series = to_series_list(*value);
    if (!series) return in_expression(query.id, series.error());
    if (series->size() != 1)
      return errors::validation_error(
          fmt::format("The expression '{}' gives {} time series; it must give one", query.id, series->size()));
  }
  return ok;
}

Async<std::vector<QueryResult>> run_queries(MetricReader& reader, const std::vector<MetricQuery>& queries,
                                            Window window) {
  math::Environment environment{.window = window};
  for (const MetricQuery& query : queries) {
    if (!query.source) continue;
    const auto& [metric, statistic, unit] = *query.source;
    CO_TRY(TimeSeries series, co_await reader.series(metric, unit, statistic, query.period_seconds, window));
    if (!query.label.empty()) series.label = label_of(query, series, false);
    environment.metrics.emplace(query.id, series);
    environment.values.emplace(query.id, std::move(series));
  }

  ExpressionSet expressions(queries, std::move(environment));
  std::vector<QueryResult> results;
  for (const MetricQuery& query : queries) {
    if (!query.returns_data) continue;
    const auto value = expressions.value_of(query.id);
    if (!value) co_return in_expression(query.id, value.error());
    auto series = to_series_list(*value);
    if (!series) co_return in_expression(query.id, series.error());
    const bool is_list = std::holds_alternative<math::SeriesList>(*value);
    for (TimeSeries& one : *series) {
      if (query.source) continue;  // has its label already
      if (!query.label.empty())
        one.label = label_of(query, one, is_list);
      else if (!is_list)
        one.label = query.id;
    }
    results.push_back({query.id, *std::move(series)});
  }
  co_return results;
}

}  // namespace hearth::cloudwatch
