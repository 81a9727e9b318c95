// hearth exec: an operator's command inside a running instance of a server on this host. It enters by the container
// runtime, as root, so it is for whoever administers the host; who may see the instance is asked first all the same.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

#include "cli/apis.h"
#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/terminal.h"
#include "wire/scalars.h"

namespace hearth::cli {
namespace {

// Where an instance finds our own API, whatever address the server has outside.
constexpr const char* endpoint_inside = "http://169.254.169.250:4566";

struct ExecFlags {
  std::string instance_id;
  std::vector<std::string> command;
};

int cannot_run(int error_number) {
  return fail("exec", "",
              Error(ErrorKind::unsupported, fmt::format("cannot run runc: {}", std::strerror(error_number))));
}

// Reads both to their ends, whichever has something first.
void read_both(const std::array<int, 2>& descriptors, std::array<std::string, 2>& texts) {
  std::array<pollfd, 2> open = {{{descriptors[0], POLLIN, 0}, {descriptors[1], POLLIN, 0}}};
  while (open[0].fd >= 0 || open[1].fd >= 0) {
    if (::poll(open.data(), open.size(), -1) < 0 && errno != EINTR) return;
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (open[i].fd < 0 || open[i].revents == 0) continue;
      char piece[16 << 10];
      const ssize_t count = ::read(open[i].fd, piece, sizeof piece);
      if (count > 0)
        texts[i].append(piece, static_cast<std::size_t>(count));
      else if (count == 0 || errno != EINTR)
        open[i].fd = -1;  // poll() passes over it
    }
  }
}

// JSON holds nothing else.
std::string as_text(const std::string& bytes) {
  return wire::is_utf8(bytes) ? bytes : wire::printable(bytes);
}

// --json: the command's whole output and its exit code as one object.
int run_captured(const std::string& instance_id, char* const* arguments) {
  std::array<int, 2> out{}, err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) return cannot_run(errno);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  if (failed) return cannot_run(failed);
  std::array<std::string, 2> texts;
  read_both({out[0], err[0]}, texts);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  const int exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  fmt::print("{}\n", boost::json::serialize(boost::json::object{{"id", instance_id},
                                                                {"exit_code", exit_code},
                                                                {"stdout", as_text(texts[0])},
                                                                {"stderr", as_text(texts[1])}}));
  return exit_code;
}

int run_exec(const CommonFlags& common, const ExecFlags& flags) {
  if (flags.command.empty()) return fail_usage("exec", "give a command after --, for example hearth exec i-0abc -- sh");
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
  if (!common.json && ::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO)) words.emplace_back("-t");
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
  if (common.json) return run_captured(flags.instance_id, arguments.data());
  ::execvp(arguments[0], arguments.data());
  return cannot_run(errno);
}

}  // namespace

Command make_exec_command(CLI::App& parent, const std::filesystem::path& data_folder_default) {
  CLI::App* app = parent.add_subcommand("exec", "run a command inside a running instance on this host (root)");
  const CommonFlagsPtr common = add_common_flags(*app, data_folder_default);
  const auto flags = std::make_shared<ExecFlags>();
  app->add_option("ID", flags->instance_id, "instance id")->required();
  app->add_option("COMMAND", flags->command, "after --: what to run");
  app->footer(
      "The exit code is the command's. With --json its whole output comes as one object: id, exit_code, stdout, "
      "stderr.\n\nExamples:\n  hearth exec i-0abc -- ps aux\n  hearth exec i-0abc -- bash");
  return {app, [common, flags] { return run_exec(*common, *flags); }};
}

}  // namespace hearth::cli
