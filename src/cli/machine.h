// One EC2 instance that runs one script: launch it, wait for it, follow its console, end it. For `hearth run` and the
// demo. Everything goes through the public API. Blocks; `Interrupted` lets the caller give up between looks.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/ec2/types.h"
#include "cli/client.h"

namespace hearth::cli {

// Where the platform writes what instances print; the stream's name is the instance's id.
inline constexpr const char* console_log_group = "/hearth/ec2/console";

struct MachineRequest {
  std::string instance_type = "t3.micro";
  std::string name;              // Name tag
  std::string instance_profile;  // name or ARN; empty: no role
  std::string user_data;         // a script
  bool terminates_on_shutdown = true;
  int volume_gib = 0;  // 0: the platform's default
};

// A script that runs `command_script` (with its own #! line), prints "hearth-run: exit N" last, and then shuts the
// instance down unless it is to stay.
std::string script_that_reports(std::string_view command_script, bool shuts_down);
// N of "hearth-run: exit N"; nothing for other lines.
std::optional<int> reported_exit(std::string_view console_line);

// The platform's own image: the first that DescribeImages gives.
Result<std::string> find_image(const Client& client);
// Types with a GPU that this server could run when nothing else did, smallest first; none where its host has no GPU
// that fits one.
Result<std::vector<std::string>> gpu_types_on_offer(const Client& client);

// Returns the instance's id. The image is find_image()'s.
Result<std::string> launch_machine(const Client& client, const MachineRequest& request);
Result<api::ec2::Instance> find_machine(const Client& client, const std::string& id);
Result<void> terminate_machine(const Client& client, const std::string& id);

std::string state_of(const api::ec2::Instance& instance);
std::string name_of(const api::ec2::Instance& instance);
// Stopping, stopped, shutting down or terminated: nothing more will run.
bool has_ended(const api::ec2::Instance& instance);

using Interrupted = std::function<bool()>;

// Until the instance runs. An error with the platform's reason when it ended instead; cancelled when interrupted.
Result<void> wait_until_running(const Client& client, const std::string& id, const Interrupted& interrupted);

// Gives every console line to `on_line` until the script reports its exit (the number is returned) or the instance
// has ended without (an error says how). cancelled when interrupted.
Result<int> follow_console(const Client& client, const std::string& id,
                           const std::function<void(std::string_view)>& on_line, const Interrupted& interrupted);

}  // namespace hearth::cli
