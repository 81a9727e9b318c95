#include "cli/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>
#include <set>
#include <thread>
#include <tuple>

#include "base/bytes.h"
#include "cli/apis.h"
#include "cli/log_follower.h"

namespace hearth::cli {
namespace {

constexpr std::string_view exit_line = "hearth-run: exit ";
constexpr std::chrono::milliseconds look_period{500};

// Console lines reach Logs a moment after they were printed, so an instance that has ended is looked at a little
// longer.
constexpr int looks_after_end = 12;

Error interrupted_error() {
  return Error(ErrorKind::cancelled, "interrupted");
}

Error ended_error(const api::ec2::Instance& instance) {
  const std::string reason = instance.state_reason ? instance.state_reason->message.value_or("") : "";
  return Error(ErrorKind::unavailable, fmt::format("{} is {}{}", instance.instance_id.value_or("the instance"),
                                                   state_of(instance), reason.empty() ? "" : ": " + reason));
}

// The same launch, tried again after a broken connection, is one launch.
std::string new_client_token() {
  std::random_device random;
  return fmt::format("hearth-{:08x}{:08x}{:08x}", random(), random(), random());
}

}  // namespace

std::string script_that_reports(std::string_view command_script, bool shuts_down) {
  // base64, so that no line of the command can end the document it stands in.
  std::string script = "#!/bin/sh\n";
  script += "# The command, then one line that tells how it ended.\n";
  script += "command=$(mktemp)\n";
  script += fmt::format("base64 -d >\"$command\" <<'END'\n{}\nEND\n", to_base64(command_script));
  script += "chmod 700 \"$command\"\n";
  script += "\"$command\"\n";
  script += "status=$?\n";
  script += "rm -f \"$command\"\n";
  // On a line of its own, also after output that does not end one. (Logs keep no empty lines.)
  script += fmt::format("printf '\\n{}%s\\n' \"$status\"\n", exit_line);
  if (shuts_down) {
    script += "# The line gets a moment to leave the machine.\n";
    script += "sleep 2\n";
    script += "if [ -d /run/systemd/system ]; then systemctl poweroff; else kill -TERM 1; fi\n";
  }
  return script;
}

std::optional<int> reported_exit(std::string_view console_line) {
  while (!console_line.empty() && (console_line.back() == '\r' || console_line.back() == '\n'))
    console_line.remove_suffix(1);
  if (!console_line.starts_with(exit_line)) return std::nullopt;
  console_line.remove_prefix(exit_line.size());
  int status = 0;
  const auto [end, error] = std::from_chars(console_line.data(), console_line.data() + console_line.size(), status);
  if (error != std::errc() || end != console_line.data() + console_line.size()) return std::nullopt;
  return status;
}

Result<std::string> find_image(const Client& client) {
  TRY(const auto images, call<api::ec2::op::DescribeImages>(client, {}));
  if (!images.images || images.images->empty() || !images.images->front().image_id)
    return Error(ErrorKind::not_found, "the server offers no image to boot from (aws ec2 describe-images is empty)");
  return *images.images->front().image_id;
}

Result<std::vector<std::string>> gpu_types_on_offer(const Client& client) {
  std::set<std::string> offered;
  const auto note = [&](api::ec2::DescribeInstanceTypeOfferingsResult& page) {
    if (page.instance_type_offerings)
      for (const auto& offering : *page.instance_type_offerings) offered.insert(offering.instance_type.value_or(""));
    return true;
  };
  TRY_DO(for_each_page<api::ec2::op::DescribeInstanceTypeOfferings>(client, {}, note));

  std::vector<std::tuple<std::int64_t, std::int64_t, std::string>> found;  // by the GPUs' memory, then the machine's
  const auto take = [&](api::ec2::DescribeInstanceTypesResult& page) {
    if (!page.instance_types) return true;
    for (const auto& type : *page.instance_types) {
      const std::string name = type.instance_type.value_or("");
      if (!type.gpu_info || !offered.contains(name)) continue;
      const std::int64_t memory = type.memory_info ? type.memory_info->size_in_mi_b.value_or(0) : 0;
      found.emplace_back(type.gpu_info->total_gpu_memory_in_mi_b.value_or(0), memory, name);
    }
    return true;
  };
  TRY_DO(for_each_page<api::ec2::op::DescribeInstanceTypes>(client, {}, take));
  std::ranges::sort(found);
  std::vector<std::string> names;
  for (const auto& [gpu_memory, memory, name] : found) names.push_back(name);
  return names;
}

Result<std::string> launch_machine(const Client& client, const MachineRequest& request) {
  api::ec2::RunInstancesRequest in;
  TRY(in.image_id, find_image(client));
  in.instance_type = request.instance_type;
  in.min_count = in.max_count = 1;
  in.client_token = new_client_token();
  in.user_data = to_base64(request.user_data);
  in.instance_initiated_shutdown_behavior = request.terminates_on_shutdown ? "terminate" : "stop";
  if (!request.instance_profile.empty()) {
    auto& profile = in.iam_instance_profile.emplace();
    if (request.instance_profile.starts_with("arn:"))
      profile.arn = request.instance_profile;
    else
      profile.name = request.instance_profile;
  }
  if (!request.name.empty()) {
    api::ec2::Tag tag;
    tag.key = "Name";
    tag.value = request.name;
    api::ec2::TagSpecification tags;
    tags.resource_type = "instance";
    tags.tags.emplace().push_back(tag);
    in.tag_specifications.emplace().push_back(tags);
  }
  if (request.volume_gib > 0) {
    api::ec2::BlockDeviceMapping root;
    root.device_name = "/dev/xvda";
    root.ebs.emplace().volume_size = request.volume_gib;
    in.block_device_mappings.emplace().push_back(root);
  }
  TRY(const api::ec2::Reservation reservation, call<api::ec2::op::RunInstances>(client, std::move(in)));
  if (!reservation.instances || reservation.instances->empty() || !reservation.instances->front().instance_id)
    return Error(ErrorKind::internal, "RunInstances answered without an instance");
  return *reservation.instances->front().instance_id;
}

Result<api::ec2::Instance> find_machine(const Client& client, const std::string& id) {
  api::ec2::DescribeInstancesRequest in;
  in.instance_ids.emplace().push_back(id);
  TRY(const auto found, call<api::ec2::op::DescribeInstances>(client, std::move(in)));
  if (found.reservations)
    for (const api::ec2::Reservation& reservation : *found.reservations)
      if (reservation.instances && !reservation.instances->empty()) return reservation.instances->front();
  return Error(ErrorKind::not_found, "there is no instance " + id);
}

Result<void> terminate_machine(const Client& client, const std::string& id) {
  api::ec2::TerminateInstancesRequest in;
  in.instance_ids.push_back(id);
  TRY_DO(call<api::ec2::op::TerminateInstances>(client, std::move(in)));
  return ok;
}

std::string state_of(const api::ec2::Instance& instance) {
  return instance.state ? instance.state->name.value_or("") : "";
}

std::string name_of(const api::ec2::Instance& instance) {
  if (instance.tags)
    for (const api::ec2::Tag& tag : *instance.tags)
      if (tag.key.value_or("") == "Name") return tag.value.value_or("");
  return "";
}

bool has_ended(const api::ec2::Instance& instance) {
  const std::string state = state_of(instance);
  return state == "stopping" || state == "stopped" || state == "shutting-down" || state == "terminated";
}

Result<void> wait_until_running(const Client& client, const std::string& id, const Interrupted& interrupted) {
  for (;;) {
    TRY(const api::ec2::Instance instance, find_machine(client, id));
    if (state_of(instance) == "running") return ok;
    if (has_ended(instance)) return ended_error(instance);
    if (interrupted()) return interrupted_error();
    std::this_thread::sleep_for(look_period / 2);
  }
}

Result<int> follow_console(const Client& client, const std::string& id,
                           const std::function<void(std::string_view)>& on_line, const Interrupted& interrupted) {
  LogFollower console({.group = console_log_group, .streams = {id}}, fetch_from(client));
  for (int looks_since_end = 0;;) {
    const auto events = console.next();
    // Group and stream are made with the first line.
    if (!events && events.error().code() != "ResourceNotFoundException") return events.error();
    if (events) {
      for (const LogFollower::Event& event : *events) {
        const std::string line = event.message.value_or("");
        if (const auto status = reported_exit(line)) return *status;
        on_line(line);
      }
    }
    if (interrupted()) return interrupted_error();
    TRY(const api::ec2::Instance instance, find_machine(client, id));
    if (has_ended(instance) && ++looks_since_end > looks_after_end) return ended_error(instance);
    std::this_thread::sleep_for(look_period);
  }
}

}  // namespace hearth::cli
