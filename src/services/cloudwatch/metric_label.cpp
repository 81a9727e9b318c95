#include "services/cloudwatch/metric_label.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace hearth::cloudwatch {
namespace {

constexpr std::size_t dynamic_part_count_max = 6;  // AWS
constexpr std::string_view no_value = "--";

constexpr std::array<std::string_view, 9> values = {"AVG", "DATAPOINT_COUNT",  "FIRST",        "LAST", "MAX", "MIN",
                                                    "SUM", "FIRST_LAST_RANGE", "MIN_MAX_RANGE"};

// The name in PROP('name').
std::optional<std::string_view> property_in(std::string_view part) {
  if (!part.starts_with("PROP('") || !part.ends_with("')") || part.size() < 9) return std::nullopt;
  return part.substr(6, part.size() - 8);
}

// Three decimals at most, and none that say nothing.
std::string show(double value) {
  std::string text = fmt::format("{:.3f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string value_of(std::string_view name, const std::vector<Point>& points) {
  if (name == "DATAPOINT_COUNT") return std::to_string(points.size());
  if (points.empty()) return std::string(no_value);
  double sum = 0;
  for (const Point& point : points) sum += point.value;
  const double low = std::ranges::min(points, {}, &Point::value).value;
  const double high = std::ranges::max(points, {}, &Point::value).value;
  const double first = points.front().value, last = points.back().value;
  if (name == "AVG") return show(sum / static_cast<double>(points.size()));
  if (name == "SUM") return show(sum);
  if (name == "MIN") return show(low);
  if (name == "MAX") return show(high);
  if (name == "FIRST") return show(first);
  if (name == "LAST") return show(last);
  return show(name == "MIN_MAX_RANGE" ? high - low : last - first);
}

// Calls `plain` and `dynamic` with the parts of a label in turn. ErrorKind::invalid for a part that is not closed.
template <class Plain, class Dynamic>
Result<void> walk(std::string_view label, Plain plain, Dynamic dynamic) {
  while (!label.empty()) {
    const std::size_t start = label.find("${");
    plain(label.substr(0, start));
    if (start == label.npos) return ok;
    const std::size_t end = label.find('}', start);
    if (end == label.npos) return Error(ErrorKind::invalid, "a ${ is not closed");
    TRY_DO(dynamic(label.substr(start + 2, end - start - 2)));
    label.remove_prefix(end + 1);
  }
  return ok;
}

}  // namespace

Result<void> check_label(std::string_view label) {
  std::size_t count = 0;
  const auto check = [&](std::string_view part) -> Result<void> {
    if (++count > dynamic_part_count_max) return Error(ErrorKind::invalid, "a label has at most six dynamic values");
    if (part == "LABEL" || property_in(part) || std::ranges::find(values, part) != values.end()) return ok;
    if (part.find("TIME") != part.npos)
      return Error(ErrorKind::unsupported, "The dynamic value ${" + std::string(part) + "} is not served here");
    return Error(ErrorKind::invalid, "there is no dynamic value ${" + std::string(part) + "}");
  };
  return walk(label, [](std::string_view) {}, check);
}

std::string render_label(std::string_view label, const TimeSeries& series, const LabelProperties& properties) {
  std::string text;
  const auto fill_in = [&](std::string_view part) -> Result<void> {
    if (part == "LABEL") {
      text += properties.own_label;
    } else if (const auto name = property_in(part)) {
      const auto found = properties.properties.find(std::string(*name));
      text += found == properties.properties.end() ? no_value : std::string_view(found->second);
    } else {
      text += value_of(part, series.points);
    }
    return ok;
  };
  (void)walk(label, [&](std::string_view plain) { text += plain; }, fill_in);
  return text;
}

}  // namespace hearth::cloudwatch
