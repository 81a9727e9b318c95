// hearth metrics: which metrics there are, and one of them drawn in the terminal.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "cli/commands.h"
#include "cli/metric_query.h"
#include "cli/plot.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace hearth::cli {
namespace {

struct MetricsFlags {
  std::string metric_namespace, name, dimensions, stat = "Average", since = "1h";
  int period_s = 60;
};

int list_namespaces(const std::vector<MetricName>& metrics, bool json) {
  std::map<std::string, int> counts;
  for (const MetricName& metric : metrics) ++counts[metric.metric_namespace];
  boost::json::object all;
  Table table({"NAMESPACE", "METRICS"});
  for (const auto& [name, count] : counts) {
    table.add({name, std::to_string(count)});
    all[name] = count;
  }
  if (json)
    fmt::print("{}\n", boost::json::serialize(all));
  else if (!table.empty())
    fmt::print("{}", table.text());
  return 0;
}

int list_names(const std::vector<MetricName>& metrics, bool json) {
  boost::json::array all;
  Table table({"METRIC", "DIMENSIONS"});
  for (const MetricName& metric : metrics) {
    table.add({metric.name, show_dimensions(metric.dimensions)});
    boost::json::object dimensions;
    for (const auto& [name, value] : metric.dimensions) dimensions[name] = value;
    all.push_back(boost::json::object{{"metric", metric.name}, {"dimensions", std::move(dimensions)}});
  }
  fmt::print("{}", json ? boost::json::serialize(all) + "\n" : table.text());
  return 0;
}

void show_points(const std::string& title, const std::vector<MetricPoint>& points, bool json) {
  if (json) {
    for (const MetricPoint& point : points)
      fmt::print("{}\n", boost::json::serialize(boost::json::object{
                             {"metric", title}, {"time", format_iso8601_seconds(point.time)}, {"value", point.value}}));
    return;
  }
  const auto [low, high] = std::ranges::minmax(points, {}, &MetricPoint::value);
  fmt::print("{}  min {}  max {}  last {}\n", title, show_number(low.value), show_number(high.value),
             show_number(points.back().value));
  if (!is_terminal_out()) {
    Table table({"TIME", "VALUE"});
    for (const MetricPoint& point : points) table.add({format_iso8601_seconds(point.time), show_number(point.value)});
    fmt::print("{}", table.text());
    return;
  }
  std::vector<PlotPoint> drawn;
  for (const MetricPoint& point : points) drawn.push_back({static_cast<double>(to_ms(point.time)), point.value});
  const PlotSize size{.width = std::clamp<std::size_t>(terminal_width() - 14, 20, 100), .height = 10};
  for (const std::string& line :
       draw_plot(drawn, size, show_clock(points.front().time), show_clock(points.back().time)))
    fmt::print("{}\n", line);
}

int run_metrics(const CommonFlags& common, const MetricsFlags& flags) {
  const auto since = parse_duration(flags.since);
  const auto dimensions = parse_pairs(flags.dimensions);
  if (!since) return fail_usage("metrics", "--since: " + since.error().message());
  if (!dimensions) return fail_usage("metrics", "--dimensions: " + dimensions.error().message());
  const auto client = connect(common.connection);
  if (!client) return fail("metrics", "", client.error());
  const auto metrics = list_metrics(*client, flags.metric_namespace, flags.name, *dimensions);
  if (!metrics) return fail("metrics", "cannot list metrics", metrics.error());
  if (metrics->empty() && flags.metric_namespace.empty()) note("There are no metrics yet.");
  if (metrics->empty() && !flags.metric_namespace.empty())
    return fail("metrics", "",
                Error(ErrorKind::not_found, "there are no such metrics; `hearth metrics` lists the namespaces"));
  if (flags.metric_namespace.empty()) return list_namespaces(*metrics, common.json);
  if (flags.name.empty()) return list_names(*metrics, common.json);

  // One drawing for each series; with --dimensions, those that have them.
  bool any = false;
  const TimePoint now = std::chrono::system_clock::now();
  for (const MetricName& metric : *metrics) {
    const MetricQuery query{
        metric.metric_namespace, metric.name, metric.dimensions, flags.stat, flags.period_s, now - *since, now};
    const auto points = query_metric(*client, query);
    if (!points) return fail("metrics", "cannot read " + metric.name, points.error());
    if (points->empty()) continue;
    any = true;
    show_points(fmt::format("{} {} {}", metric.name, flags.stat, show_dimensions(metric.dimensions)), *points,
                common.json);
  }
  if (!any) note(fmt::format("No values in the last {}; --since 1d looks further back.", flags.since));
  return 0;
}

}  // namespace

Command make_metrics_command(CLI::App& parent, const std::filesystem::path& data_folder_default) {
  CLI::App* app = parent.add_subcommand("metrics", "list CloudWatch metrics, or draw one");
  const CommonFlagsPtr common = add_common_flags(*app, data_folder_default);
  const auto flags = std::make_shared<MetricsFlags>();
  app->add_option("NAMESPACE", flags->metric_namespace, "without it, namespaces are listed");
  app->add_option("METRIC", flags->name, "without it, the namespace's metrics are listed");
  app->add_option("--dimensions", flags->dimensions, "only series with these: NAME=VALUE,NAME=VALUE");
  app->add_option("--stat", flags->stat, "Average, Sum, Minimum, Maximum, SampleCount, p99…")->capture_default_str();
  app->add_option("--period", flags->period_s, "seconds in a point")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  app->add_option("--since", flags->since, "how far back")->capture_default_str();
  app->footer(
      "Examples:\n  hearth metrics\n  hearth metrics AWS/EC2\n"
      "  hearth metrics AWS/EC2 CPUUtilization --dimensions InstanceId=i-0abc --since 10m --period 10");
  return {app, [common, flags] { return run_metrics(*common, *flags); }};
}

}  // namespace hearth::cli
