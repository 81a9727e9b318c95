#include "services/logs/embedded_metrics.h"

#include <boost/json.hpp>
#include <cmath>
#include <optional>

namespace hearth::logs {
namespace {

namespace json = boost::json;

constexpr std::size_t dimension_count_max = 30, metric_count_max = 100, value_count_max = 100;

const json::array* array_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_array() ? &value->get_array() : nullptr;
}
std::optional<std::string> text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

using Dimensions = std::vector<std::pair<std::string, std::string>>;

// The values of one set of dimension names; null if one of them is not a text member of the line.
std::optional<Dimensions> resolve(const json::array& names, const json::object& line) {
  if (names.size() > dimension_count_max) return std::nullopt;
  Dimensions dimensions;
  for (const json::value& name : names) {
    if (!name.is_string()) return std::nullopt;
    const auto value = text_at(line, name.get_string());
    if (!value || value->empty()) return std::nullopt;
    dimensions.emplace_back(std::string(name.get_string()), *value);
  }
  return dimensions;
}

std::vector<double> values_of(const json::object& line, const std::string& name) {
  std::vector<double> values;
  const auto take = [&](const json::value& value) {
    if (!value.is_number()) return;
    const double number = value.to_number<double>();
    if (std::isfinite(number)) values.push_back(number);
  };
  if (const auto* value = line.if_contains(name)) {
    if (value->is_array()) {
      for (const json::value& element : value->get_array())
        if (values.size() < value_count_max) take(element);
    } else {
      take(*value);
    }
  }
  return values;
}

}  // namespace

void add_embedded_metrics(std::string_view line, std::vector<MetricPoint>& points) {
  if (line.find("\"_aws\"") == line.npos) return;
  boost::system::error_code error;
  const json::value parsed = json::parse(line, error);
  if (error || !parsed.is_object()) return;
  const json::object& object = parsed.get_object();
  const auto* aws = object.if_contains("_aws");
  if (!aws || !aws->is_object()) return;
  const auto* timestamp = aws->get_object().if_contains("Timestamp");
  const json::array* directives = array_at(aws->get_object(), "CloudWatchMetrics");
  if (!timestamp || !timestamp->is_int64() || !directives) return;

  for (const json::value& directive_value : *directives) {
    if (!directive_value.is_object()) continue;
    const json::object& directive = directive_value.get_object();
    const auto metric_namespace = text_at(directive, "Namespace");
    const json::array* dimension_sets = array_at(directive, "Dimensions");
    const json::array* metrics = array_at(directive, "Metrics");
    if (!metric_namespace || !metrics || metrics->size() > metric_count_max) continue;
    std::vector<Dimensions> sets;
    if (dimension_sets)
      for (const json::value& set : *dimension_sets)
        if (set.is_array())
          if (auto dimensions = resolve(set.get_array(), object)) sets.push_back(std::move(*dimensions));
    if (!dimension_sets || dimension_sets->empty()) sets.emplace_back();
    for (const json::value& metric_value : *metrics) {
      if (!metric_value.is_object()) continue;
      const auto name = text_at(metric_value.get_object(), "Name");
      if (!name) continue;
      const std::string unit = text_at(metric_value.get_object(), "Unit").value_or("None");
      for (const double value : values_of(object, *name))
        for (const Dimensions& dimensions : sets)
          points.push_back({*metric_namespace, *name, dimensions, value, unit, timestamp->get_int64()});
    }
  }
}

}  // namespace hearth::logs
