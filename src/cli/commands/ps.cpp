// hearth ps: instances and what they use.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <optional>

#include "cli/apis.h"
#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/metric_query.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace hearth::cli {
namespace {

constexpr int usage_period_s = 10;

// The newest value; nothing where there is none yet.
std::optional<double> latest(const Client& client, const std::string& metric_namespace, const std::string& name,
                             const std::string& instance_id) {
  const TimePoint now = std::chrono::system_clock::now();
  const auto points = query_metric(client, {metric_namespace,
                                            name,
                                            {{"InstanceId", instance_id}},
                                            "Average",
                                            usage_period_s,
                                            now - std::chrono::minutes(2),
                                            now});
  if (!points || points->empty()) return std::nullopt;
  return points->back().value;
}

std::string show_percent(std::optional<double> value) {
  return value ? fmt::format("{:.0f}%", *value) : "-";
}

boost::json::value to_json(std::optional<double> value) {
  return value ? boost::json::value(*value) : boost::json::value(nullptr);
}

int run_ps(const CommonFlags& common, bool all) {
  const auto client = connect(common.connection);
  if (!client) return fail("ps", "", client.error());

  Table table({"ID", "NAME", "TYPE", "STATE", "AGE", "CPU", "MEM", "ADDRESS"});
  boost::json::array rows;
  const auto take = [&](api::ec2::DescribeInstancesResult& page) {
    if (!page.reservations) return true;
    for (const auto& reservation : *page.reservations) {
      if (!reservation.instances) continue;
      for (const auto& instance : *reservation.instances) {
        const std::string id = instance.instance_id.value_or(""), state = state_of(instance);
        if (!all && (state == "terminated" || state == "stopped")) continue;
        const bool runs = state == "running";
        const auto cpu = runs ? latest(*client, "AWS/EC2", "CPUUtilization", id) : std::nullopt;
        const auto memory = runs ? latest(*client, "CWAgent", "mem_used_percent", id) : std::nullopt;
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(
            std::chrono::system_clock::now() - (instance.launch_time ? instance.launch_time->time() : TimePoint()));
        const std::string address = instance.private_ip_address.value_or("");
        table.add({id, name_of(instance), instance.instance_type.value_or(""), state, show_age(age), show_percent(cpu),
                   show_percent(memory), address});
        rows.push_back(boost::json::object{{"id", id},
                                           {"name", name_of(instance)},
                                           {"type", instance.instance_type.value_or("")},
                                           {"state", state},
                                           {"age_seconds", age.count()},
                                           {"cpu_percent", to_json(cpu)},
                                           {"memory_percent", to_json(memory)},
                                           {"address", address}});
      }
    }
    return true;
  };
  const auto listed = for_each_page<api::ec2::op::DescribeInstances>(*client, {}, take);
  if (!listed) return fail("ps", "cannot list instances", listed.error());
  if (common.json)
    fmt::print("{}\n", boost::json::serialize(rows));
  else if (table.empty())
    note(all ? "There are no instances." : "No instance is running; `hearth ps -a` shows ended ones too.");
  else
    fmt::print("{}", table.text());
  return 0;
}

}  // namespace

Command make_ps_command(CLI::App& parent, const std::filesystem::path& data_folder_default) {
  CLI::App* app = parent.add_subcommand("ps", "list instances and what they use");
  const CommonFlagsPtr common = add_common_flags(*app, data_folder_default);
  const auto all = std::make_shared<bool>(false);
  app->add_flag("-a,--all", *all, "stopped and terminated ones too");
  app->footer("Examples:\n  hearth ps\n  hearth ps -a --json");
  return {app, [common, all] { return run_ps(*common, *all); }};
}

}  // namespace hearth::cli
