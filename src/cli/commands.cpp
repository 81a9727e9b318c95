#include "cli/commands.h"

#include <CLI/CLI.hpp>

namespace hearth::cli {

CommonFlagsPtr add_common_flags(CLI::App& app, const std::filesystem::path& data_folder_default) {
  auto flags = std::make_shared<CommonFlags>();
  flags->connection.data_folder_default = data_folder_default;
  app.add_option("--endpoint-url,--endpoint", flags->connection.endpoint_url,
                 "the server (default: AWS_ENDPOINT_URL, else http://127.0.0.1:4566)");
  app.add_option("--region", flags->connection.region, "default: AWS_REGION, else us-east-1");
  app.add_option(
      "--data", flags->connection.data_folder,
      "data folder of a local server, to use its root key (default: AWS_ACCESS_KEY_ID, else the root key in " +
          data_folder_default.string() + ", else ~/.aws)");
  app.add_flag("--json", flags->json,
               "print JSON for programs: results on standard output, failures on standard error");
  return flags;
}

std::vector<Command> make_commands(CLI::App& parent, const std::filesystem::path& data_folder_default) {
  std::vector<Command> commands;
  for (const MakeCommand make :
       {make_env_command, make_status_command, make_logs_command, make_metrics_command, make_run_command,
        make_ps_command, make_exec_command, make_demo_command, make_demo_data_command})
    commands.push_back(make(parent, data_folder_default));
  return commands;
}

}  // namespace hearth::cli
