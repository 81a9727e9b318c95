#include "services/cloudwatch/metric_id.h"

#include <algorithm>

#include "base/key.h"

namespace hearth::cloudwatch {
namespace {

// metric / account / region / namespace / name / number of dimensions / name, value of each / unit
constexpr std::string_view table = "metric";

KeyBuilder start_key(const MetricId& metric) {
  KeyBuilder key;
  key.text(table).text(metric.account_id).text(metric.region).text(metric.metric_namespace).text(metric.name);
  key.number(metric.dimensions.size());
  for (const auto& [name, value] : metric.dimensions) key.text(name).text(value);
  return key;
}

}  // namespace

MetricId make_metric_id(std::string_view account_id, std::string_view region, std::string_view metric_namespace,
                        std::string_view name, std::vector<std::pair<std::string, std::string>> dimensions) {
  std::ranges::sort(dimensions);
  return {std::string(account_id), std::string(region), std::string(metric_namespace), std::string(name),
          std::move(dimensions)};
}

std::vector<std::pair<std::string, std::string>> to_pairs(const wire::Opt<std::vector<api::Dimension>>& dimensions) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& dimension : dimensions.v) pairs.emplace_back(dimension.name, dimension.value);
  return pairs;
}

std::vector<api::Dimension> to_dimensions(const MetricId& metric) {
  std::vector<api::Dimension> dimensions;
  for (const auto& [name, value] : metric.dimensions) dimensions.push_back({name, value});
  return dimensions;
}

std::string series_prefix(const MetricId& metric) {
  return std::move(start_key(metric)).take();
}

std::string series_name(const MetricId& metric, std::string_view unit) {
  KeyBuilder key = start_key(metric);
  key.text(unit);
  return std::move(key).take();
}

MetricSeries parse_series(std::string_view series) {
  MetricSeries parsed;
  KeyReader reader(series);
  (void)reader.take_text();
  parsed.metric.account_id = reader.take_text();
  parsed.metric.region = reader.take_text();
  parsed.metric.metric_namespace = reader.take_text();
  parsed.metric.name = reader.take_text();
  const std::uint64_t dimension_count = reader.take_number();
  for (std::uint64_t i = 0; i < dimension_count && !reader.empty(); ++i) {
    std::string name = reader.take_text();
    parsed.metric.dimensions.emplace_back(std::move(name), reader.take_text());
  }
  parsed.unit = reader.take_text();
  return parsed;
}

std::string listing_prefix(std::string_view account_id, std::string_view region,
                           const std::optional<std::string>& metric_namespace, const std::optional<std::string>& name) {
  KeyBuilder key;
  key.text(table).text(account_id).text(region);
  if (metric_namespace) {
    key.text(*metric_namespace);
    if (name) key.text(*name);
  }
  return std::move(key).take();
}

}  // namespace hearth::cloudwatch
