// The operator's commands: each is one file in commands/, made by one function and run by main() when it was chosen.
// A command returns the process's exit code: 0 done, 1 failed, 2 used wrongly, 130 interrupted.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/connection.h"

namespace CLI {
class App;
}

namespace hearth::cli {

struct Command {
  CLI::App* app = nullptr;
  std::function<int()> run;
};

// What every command that talks to a server takes.
struct CommonFlags {
  ConnectionFlags connection;
  bool json = false;
};
using CommonFlagsPtr = std::shared_ptr<CommonFlags>;

// Adds --endpoint-url, --region, --data and --json to `app`.
CommonFlagsPtr add_common_flags(CLI::App& app, const std::filesystem::path& data_folder_default);

using MakeCommand = Command (*)(CLI::App& parent, const std::filesystem::path& data_folder_default);
Command make_env_command(CLI::App& parent, const std::filesystem::path& data_folder_default);
Command make_status_command(CLI::App& parent, const std::filesystem::path& data_folder_default);
Command make_logs_command(CLI::App& parent, const std::filesystem::path& data_folder_default);
Command make_metrics_command(CLI::App& parent, const std::filesystem::path& data_folder_default);
Command make_run_command(CLI::App& parent, const std::filesystem::path& data_folder_default);
Command make_ps_command(CLI::App& parent, const std::filesystem::path& data_folder_default);
Command make_exec_command(CLI::App& parent, const std::filesystem::path& data_folder_default);
Command make_demo_command(CLI::App& parent, const std::filesystem::path& data_folder_default);
Command make_demo_data_command(CLI::App& parent, const std::filesystem::path& data_folder_default);

std::vector<Command> make_commands(CLI::App& parent, const std::filesystem::path& data_folder_default);

}  // namespace hearth::cli
