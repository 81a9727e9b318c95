#include "services/logs/embedded_metrics.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <optional>
#include <set>

namespace hearth::logs {
namespace {

namespace json = boost::json;

constexpr std::size_t dimension_count_max = 30, metric_count_max = 100, value_count_max = 100;
constexpr std::size_t namespace_length_max = 255, name_length_max = 255, dimension_length_max = 1024;
constexpr std::int64_t age_max_ms = 14ll * 24 * 3'600'000, ahead_max_ms = 2ll * 3'600'000;

constexpr std::array<std::string_view, 27> units = {
    "Seconds",          "Microseconds",     "Milliseconds", "Bytes",           "Kilobytes",        "Megabytes",
    "Gigabytes",        "Terabytes",        "Bits",         "Kilobits",        "Megabits",         "Gigabits",
    "Terabits",         "Percent",          "Count",        "Bytes/Second",    "Kilobytes/Second", "Megabytes/Second",
    "Gigabytes/Second", "Terabytes/Second", "Bits/Second",  "Kilobits/Second", "Megabits/Second",  "Gigabits/Second",
    "Terabits/Second",  "Count/Second",     "None"};

// AWS: its own namespaces are not for customers, or a line of a log could trip an alarm on a machine's load.
bool is_namespace(std::string_view text) {
  return !text.empty() && text.size() <= namespace_length_max && !text.starts_with("AWS/") && text.front() != ':';
}

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
    if (!value || value->empty() || value->size() > dimension_length_max) return std::nullopt;
    if (name.get_string().empty() || name.get_string().size() > name_length_max) return std::nullopt;
    dimensions.emplace_back(std::string(name.get_string()), *value);
  }
  std::ranges::sort(dimensions);
  return dimensions;
}

std::vector<double> values_of(const json::object& line, const std::string& name) {
  std::vector<double> values;
  const auto take = [&](const json::value& value) {
    if (!value.is_number()) return;
    const double number = value.to_number<double>();
    if (std::isfinite(number) && std::fabs(number) <= std::ldexp(1.0, 360)) values.push_back(number);
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

void add_embedded_metrics(std::string_view line, std::int64_t now_ms, std::vector<MetricPoint>& points) {
  if (!may_hold_metrics(line)) return;
  boost::system::error_code error;
  const json::value parsed = json::parse(line, error);
  if (error || !parsed.is_object()) return;
  const json::object& object = parsed.get_object();
  const auto* aws = object.if_contains("_aws");
  if (!aws || !aws->is_object()) return;
  const auto* timestamp = aws->get_object().if_contains("Timestamp");
  const json::array* directives = array_at(aws->get_object(), "CloudWatchMetrics");
  if (!timestamp || !timestamp->is_int64() || !directives) return;
  const std::int64_t time_ms = timestamp->get_int64();
  if (time_ms < now_ms - age_max_ms || time_ms > now_ms + ahead_max_ms) return;

  const std::size_t count_before = points.size();
  for (const json::value& directive_value : *directives) {
    if (!directive_value.is_object()) continue;
    const json::object& directive = directive_value.get_object();
    const auto metric_namespace = text_at(directive, "Namespace");
    const json::array* dimension_sets = array_at(directive, "Dimensions");
    const json::array* metrics = array_at(directive, "Metrics");
    if (!metric_namespace || !is_namespace(*metric_namespace) || !metrics || metrics->size() > metric_count_max)
      continue;
    std::set<Dimensions> sets;  // the same set twice is one: its values must not count twice
    if (dimension_sets)
      for (const json::value& set : *dimension_sets)
        if (set.is_array())
          if (auto dimensions = resolve(set.get_array(), object)) sets.insert(std::move(*dimensions));
    if (!dimension_sets || dimension_sets->empty()) sets.emplace();
    for (const json::value& metric_value : *metrics) {
      if (!metric_value.is_object()) continue;
      const auto name = text_at(metric_value.get_object(), "Name");
      const std::string unit = text_at(metric_value.get_object(), "Unit").value_or("None");
      if (!name || name->empty() || name->size() > name_length_max) continue;
      if (std::ranges::find(units, unit) == units.end()) continue;
      const std::vector<double> values = values_of(object, *name);
      if (points.size() - count_before + values.size() * sets.size() > points_per_line_max) {
        points.resize(count_before);
        return;
      }
      for (const double value : values)
        for (const Dimensions& dimensions : sets)
          points.push_back({*metric_namespace, *name, dimensions, value, unit, time_ms});
    }
  }
}

}  // namespace hearth::logs
