// hearth exec: an operator's command inside a running instance of a server on this host. It enters by the container
// runtime, as root, so it is for whoever administers the host; who may see the instance is asked first all the same.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>

#include "cli/apis.h"
#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/terminal.h"

namespace hearth::cli {
namespace {

// Where an instance finds our own API, whatever address the server has outside.
constexpr const char* endpoint_inside = "http://169.254.169.250:4566";

struct ExecFlags {
  std::string instance_id;
  std::vector<std::string> command;
};

int run_exec(const CommonFlags& common, const ExecFlags& flags) {
  if (flags.command.empty()) {
    note("hearth exec: give a command after --, for example: hearth exec i-0abc -- sh");
    return 2;
  }
  const auto client = connect(common.connection);
  if (!client) return fail("exec", "", client.error());
  const auto instance = find_machine(*client, flags.instance_id);
  if (!instance) return fail("exec", "cannot look at " + flags.instance_id, instance.error());
  if (state_of(*instance) != "running")
    return fail(
        "exec", "",
        Error(ErrorKind::invalid, fmt::format("{} is {}, not running", flags.instance_id, state_of(*instance))));
  if (::geteuid() != 0)
    return fail("exec", "",
                Error(ErrorKind::denied,
                      "entering an instance needs root on the server's host; "
                      "`hearth run` starts commands without"));
  const auto state_folder = common.connection.data() / "instances" / "runc";
  std::error_code error;
  if (!std::filesystem::exists(state_folder / flags.instance_id, error))
    return fail(
        "exec", "",
        Error(ErrorKind::not_found, fmt::format("{} holds no such instance: exec works on the host that runs it, with "
                                                "--data naming the server's data folder",
                                                state_folder.string())));

  std::vector<std::string> words = {"runc", "--root", state_folder.string(), "exec"};
  if (::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO)) words.emplace_back("-t");
  for (const std::string& variable :
       {fmt::format("AWS_ENDPOINT_URL={}", endpoint_inside), fmt::format("AWS_REGION={}", client->options().region)}) {
    words.emplace_back("--env");
    words.push_back(variable);
  }
  words.push_back(flags.instance_id);
  words.insert(words.end(), flags.command.begin(), flags.command.end());

  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  return fail("exec", "", Error(ErrorKind::unsupported, fmt::format("cannot run runc: {}", std::strerror(errno))));
}

}  // namespace

Command make_exec_command(CLI::App& parent, const std::filesystem::path& data_folder_default) {
  CLI::App* app = parent.add_subcommand("exec", "run a command inside a running instance on this host (root)");
  const CommonFlagsPtr common = add_common_flags(*app, data_folder_default);
  const auto flags = std::make_shared<ExecFlags>();
  app->add_option("ID", flags->instance_id, "instance id")->required();
  app->add_option("COMMAND", flags->command, "after --: what to run");
  app->footer("Examples:\n  hearth exec i-0abc -- ps aux\n  hearth exec i-0abc -- bash");
  return {app, [common, flags] { return run_exec(*common, *flags); }};
}

}  // namespace hearth::cli
