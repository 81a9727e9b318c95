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
    const auto has = [&](json::string_view name, json::kind kind) {
      const json::value* value = properties.if_contains(name);
      return value && value->kind() == kind;
    };
    if (type == "text" && !has("markdown", json::kind::string))
      error(path + "/markdown", "Should have required property");
    if (type == "log" && !has("query", json::kind::string)) error(path + "/query", "Should have required property");
    if (type == "alarm" && !has("alarms", json::kind::array)) error(path + "/alarms", "Should have required property");
    if (type == "metric" && !has("metrics", json::kind::array) && !has("annotations", json::kind::object))
      error(path + "/metrics", "Should have required property");
    if (type == "metric" && !has("region", json::kind::string)) warning(path + "/region", "Should name a region");
  }

  std::vector<DashboardFinding> findings_;
};

}  // namespace

std::vector<DashboardFinding> check_dashboard_body(std::string_view body) {
  return Checker().check(body);
}

}  // namespace hearth::cloudwatch
