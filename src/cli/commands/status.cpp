// hearth status: is the server there, who are we to it, what does it serve, what runs, what is wrong.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <map>

#include "cli/apis.h"
#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace hearth::cli {
namespace {

namespace json = boost::json;

// A part that the server does not serve, or that we may not see, is said in its place and does not end the rest.
std::string why_not(const Error& error) {
  if (error.code() == "NotImplemented" || error.http_status() == 501) return "not served";
  return describe(error);
}

// One part: a line for people and a value for programs.
struct Part {
  std::string line;
  json::value value;
};

// A cheap reading call of each service tells whether this server serves it.
template <class Op>
std::string probe(const Client& client) {
  const auto answer = call<Op>(client, {});
  if (answer) return "";
  // Refusals come from a service that is there.
  if (answer.error().code() == "NotImplemented" || answer.error().http_status() == 501) return "not served";
  return answer.error().http_status() == 403 || answer.error().http_status() == 400 ? "" : describe(answer.error());
}

Part ask_services(const Client& client) {
  struct Probe {
    const wire::ServiceSchema& schema;
    std::string (*ask)(const Client&);
  };
  const Probe probes[] = {
      {api::s3::schema, probe<api::s3::op::ListBuckets>},
      {api::ec2::schema, probe<api::ec2::op::DescribeRegions>},
      {api::iam::schema, probe<api::iam::op::ListUsers>},
      {api::sts::schema, probe<api::sts::op::GetCallerIdentity>},
      {api::cloudwatch::schema, probe<api::cloudwatch::op::ListMetrics>},
      {api::logs::schema, probe<api::logs::op::DescribeLogGroups>},
      {api::sns::schema, probe<api::sns::op::ListTopics>},
      {api::sagemaker::schema, probe<api::sagemaker::op::ListEndpoints>},
  };
  Part part;
  json::object served;
  for (const Probe& each : probes) {
    const std::string problem = each.ask(client);
    const std::string name(each.schema.name);
    if (!part.line.empty()) part.line += ", ";
    part.line += problem.empty() ? fmt::format("{} ({})", name, each.schema.operation_count)
                                 : fmt::format("{} ({})", name, problem);
    served[name] = problem.empty() ? json::value(each.schema.operation_count) : json::value(nullptr);
  }
  part.value = std::move(served);
  return part;
}

Part ask_instances(const Client& client) {
  std::map<std::string, int> counts;
  const auto take = [&](api::ec2::DescribeInstancesResult& page) {
    if (!page.reservations) return true;
    for (const auto& reservation : *page.reservations)
      if (reservation.instances)
        for (const auto& instance : *reservation.instances) ++counts[state_of(instance)];
    return true;
  };
  const auto listed = for_each_page<api::ec2::op::DescribeInstances>(client, {}, take);
  if (!listed) return {why_not(listed.error()), nullptr};
  Part part;
  json::object by_state;
  for (const auto& [state, count] : counts) {
    if (!part.line.empty()) part.line += ", ";
    part.line += fmt::format("{} {}", count, state);
    by_state[state] = count;
  }
  if (part.line.empty()) part.line = "none";
  part.value = std::move(by_state);
  return part;
}

Part ask_endpoints(const Client& client) {
  Part part;
  json::object by_name;
  const auto take = [&](api::sagemaker::ListEndpointsOutput& page) {
    for (const auto& endpoint : page.endpoints) {
      if (!part.line.empty()) part.line += ", ";
      part.line += fmt::format("{} ({})", endpoint.endpoint_name, endpoint.endpoint_status);
      by_name[endpoint.endpoint_name] = endpoint.endpoint_status;
    }
    return true;
  };
  const auto listed = for_each_page<api::sagemaker::op::ListEndpoints>(client, {}, take);
  if (!listed) return {why_not(listed.error()), nullptr};
  if (part.line.empty()) part.line = "none";
  part.value = std::move(by_name);
  return part;
}

Part ask_alarms(const Client& client) {
  Part part;
  json::object by_name;
  api::cloudwatch::DescribeAlarmsInput in;
  in.state_value = "ALARM";
  const auto take = [&](api::cloudwatch::DescribeAlarmsOutput& page) {
    const auto add = [&](const std::string& name, const std::string& reason) {
      if (!part.line.empty()) part.line += "; ";
      part.line += reason.empty() ? name : fmt::format("{}: {}", name, reason);
      by_name[name] = reason;
    };
    if (page.metric_alarms)
      for (const auto& alarm : *page.metric_alarms) add(alarm.alarm_name.value_or(""), alarm.state_reason.value_or(""));
    if (page.composite_alarms)
      for (const auto& alarm : *page.composite_alarms)
        add(alarm.alarm_name.value_or(""), alarm.state_reason.value_or(""));
    return true;
  };
  const auto listed = for_each_page<api::cloudwatch::op::DescribeAlarms>(client, std::move(in), take);
  if (!listed) return {why_not(listed.error()), nullptr};
  if (part.line.empty()) part.line = "none in ALARM";
  part.value = std::move(by_name);
  return part;
}

int run_status(const CommonFlags& common) {
  const auto client = connect(common.connection);
  if (!client) return fail("status", "", client.error());
  const auto began = std::chrono::steady_clock::now();
  const auto health = client->send({.path = "/_hearth/health"});
  const auto took = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
  if (!health) return fail("status", client->options().endpoint_url, health.error());
  if (health->status != 200)
    return fail("status", client->options().endpoint_url,
                Error(ErrorKind::unsupported,
                      fmt::format("answers, but not as hearth does (HTTP {} for /_hearth/health)", health->status)));
  boost::system::error_code not_json;
  const json::value about = json::parse(health->body, not_json);
  const auto* version = !not_json && about.is_object() ? about.get_object().if_contains("version") : nullptr;

  // Nobody needs a right for this, so a refusal means that the server does not know who we are: it would refuse all.
  const auto identity = call<api::sts::op::GetCallerIdentity>(*client, {});
  if (!identity) return fail("status", client->options().endpoint_url, identity.error());
  const std::string arn = identity->arn.value_or("");

  const std::pair<const char*, Part> parts[] = {{"identity", {arn, json::value(arn)}},
                                                {"services", ask_services(*client)},
                                                {"instances", ask_instances(*client)},
                                                {"endpoints", ask_endpoints(*client)},
                                                {"alarms", ask_alarms(*client)}};
  if (common.json) {
    json::object all = {{"endpoint_url", client->options().endpoint_url}, {"region", client->options().region}};
    if (version) all["version"] = *version;
    for (const auto& [name, part] : parts) all[name] = part.value;
    fmt::print("{}\n", json::serialize(all));
    return 0;
  }
  fmt::print("{:<10} {} ({}) answers in {:.1f} ms\n", "server", client->options().endpoint_url,
             client->options().region, took);
  if (version && version->is_string()) fmt::print("{:<10} {}\n", "version", std::string_view(version->get_string()));
  for (const auto& [name, part] : parts) fmt::print("{:<10} {}\n", name, part.line);
  return 0;
}

}  // namespace

Command make_status_command(CLI::App& parent, const std::filesystem::path& data_folder_default) {
  CLI::App* app =
      parent.add_subcommand("status", "is the server there, what does it serve, what runs, what is in alarm");
  const CommonFlagsPtr common = add_common_flags(*app, data_folder_default);
  app->footer("Examples:\n  hearth status\n  hearth status --json | jq .instances");
  return {app, [common] { return run_status(*common); }};
}

}  // namespace hearth::cli
