// Which metric: account, region, namespace, name, dimensions; and its name as a telemetry series (one per unit).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/cloudwatch/types.h"

namespace hearth::cloudwatch {

namespace api = hearth::api::cloudwatch;

struct MetricId {
  std::string account_id;
  std::string region;
  std::string metric_namespace;
  std::string name;
  std::vector<std::pair<std::string, std::string>> dimensions;  // sorted: their order is not part of the identity

  auto operator<=>(const MetricId&) const = default;
};

// Sorts the dimensions.
MetricId make_metric_id(std::string_view account_id, std::string_view region, std::string_view metric_namespace,
                        std::string_view name, std::vector<std::pair<std::string, std::string>> dimensions);
std::vector<std::pair<std::string, std::string>> to_pairs(const wire::Opt<std::vector<api::Dimension>>& dimensions);
std::vector<api::Dimension> to_dimensions(const MetricId& metric);

struct MetricSeries {
  MetricId metric;
  std::string unit;
};

// What the series of all units of a metric start with.
std::string series_prefix(const MetricId& metric);
std::string series_name(const MetricId& metric, std::string_view unit);
MetricSeries parse_series(std::string_view series);

// What the series of an account start with, narrowed by namespace and then by name where given.
std::string listing_prefix(std::string_view account_id, std::string_view region,
                           const std::optional<std::string>& metric_namespace, const std::optional<std::string>& name);

}  // namespace hearth::cloudwatch
