#include "services/cloudwatch/dashboard_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace hearth::cloudwatch {
namespace {

namespace json = boost::json;

constexpr std::size_t widget_count_max = 500;
constexpr std::array<std::string_view, 6> widget_types = {"metric", "text", "log", "alarm", "explorer", "custom"};
constexpr std::array<std::string_view, 5> body_members = {"widgets", "start", "end", "periodOverride", "variables"};
constexpr std::array<std::string_view, 7> widget_members = {"type", "x", "y", "width", "height", "properties", "title"};

template <class Names>
bool is_one_of(std::string_view name, const Names& names) {
  return std::ranges::find(names, name) != names.end();
}

class Checker {
 public:
  std::vector<DashboardFinding> check(std::string_view body) {
    boost::system::error_code not_json;
    const json::value value = json::parse(json::string_view(body.data(), body.size()), not_json);
    if (not_json || !value.is_object()) {
      error("", "The field DashboardBody must be a valid JSON object");
      return std::move(findings_);
    }
    const json::object& dashboard = value.get_object();
    for (const auto& member : dashboard)
      if (!is_one_of(std::string_view(member.key()), body_members))
        warning("/" + std::string(member.key()), "Unknown property");
    const json::value* widgets = dashboard.if_contains("widgets");
    if (!widgets || !widgets->is_array()) {
      error("/widgets", "The property \"widgets\" is required and must be an array");
      return std::move(findings_);
    }
    if (widgets->get_array().size() > widget_count_max) error("/widgets", "A dashboard holds at most 500 widgets");
    std::size_t index = 0;
    for (const json::value& widget : widgets->get_array()) check_widget(widget, fmt::format("/widgets/{}", index++));
    return std::move(findings_);
  }

 private:
  void error(std::string path, std::string message) {
    findings_.push_back({true, std::move(path), std::move(message)});
  }
  void warning(std::string path, std::string message) {
    findings_.push_back({false, std::move(path), std::move(message)});
  }

  void check_widget(const json::value& value, const std::string& path) {
    if (!value.is_object()) return error(path, "A widget must be an object");
    const json::object& widget = value.get_object();
    for (const auto& member : widget)
      if (!is_one_of(std::string_view(member.key()), widget_members))
        warning(path + "/" + std::string(member.key()), "Unknown property");
    const json::value* type = widget.if_contains("type");
    if (!type || !type->is_string() || !is_one_of(std::string_view(type->get_string()), widget_types))
      return error(path + "/type", "Should be one of metric, text, log, alarm, explorer, custom");
    check_number(widget, "x", 0, 23, path);
    check_number(widget, "y", 0, 1'000'000, path);
    check_number(widget, "width", 1, 24, path);
    check_number(widget, "height", 1, 1000, path);
    const json::value* properties = widget.if_contains("properties");
    if (!properties || !properties->is_object()) return error(path + "/properties", "Should have required property");
    check_properties(std::string_view(type->get_string()), properties->get_object(), path + "/properties");
  }

  void check_number(const json::object& widget, std::string_view name, std::int64_t low, std::int64_t high,
                    const std::string& path) {
    const json::value* value = widget.if_contains(json::string_view(name.data(), name.size()));
    if (!value) return;
    const bool is_inside = value->is_int64() && value->get_int64() >= low && value->get_int64() <= high;
    if (!is_inside)
      error(fmt::format("{}/{}", path, name), fmt::format("Should be an integer from {} to {}", low, high));
  }

  void check_properties(std::string_view type, const json::object& properties, const std::string& path) {
    if (type == "text") check_property(properties, "markdown", json::kind::string, path);
    if (type == "log") check_property(properties, "query", json::kind::string, path);
    if (type == "alarm") check_property(properties, "alarms", json::kind::array, path);
    if (type != "metric") return;
    const json::value* annotations = properties.if_contains("annotations");
    if (!annotations || !annotations->is_object() || properties.contains("metrics"))
      check_property(properties, "metrics", json::kind::array, path);
    if (const json::value* metrics = properties.if_contains("metrics"); metrics && metrics->is_array())
      check_metrics(metrics->get_array(), path + "/metrics");
    const json::value* region = properties.if_contains("region");
    if (!region || !region->is_string()) warning(path + "/region", "Should name a region");
  }

  void check_property(const json::object& properties, std::string_view name, json::kind kind, const std::string& path) {
    const json::value* value = properties.if_contains(json::string_view(name.data(), name.size()));
    if (!value)
      error(fmt::format("{}/{}", path, name), "Should have required property");
    else if (value->kind() != kind)
      error(fmt::format("{}/{}", path, name), kind == json::kind::array ? "Should be array" : "Should be string");
  }

  // A row is [namespace, metric, name, value, …, {options}] or [{expression}].
  void check_metrics(const json::array& rows, const std::string& path) {
    std::size_t index = 0;
    for (const json::value& row : rows) {
      const std::string row_path = fmt::format("{}/{}", path, index++);
      if (!row.is_array() || row.get_array().empty()) {
        error(row_path, "Should be array with at least one item");
        continue;
      }
      const json::array& items = row.get_array();
      if (items.size() == 1 && !items.front().is_object()) error(row_path, "Should NOT have fewer than 2 items");
      for (std::size_t i = 0; i < items.size(); ++i)
        if (!items[i].is_string() && !(items[i].is_object() && i + 1 == items.size()))
          error(fmt::format("{}/{}", row_path, i), "Should be string");
    }
  }

  std::vector<DashboardFinding> findings_;
};

}  // namespace

std::vector<DashboardFinding> check_dashboard_body(std::string_view body) {
  return Checker().check(body);
}

}  // namespace hearth::cloudwatch
