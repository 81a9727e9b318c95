// hearth run: a command on a new instance, its console here, its exit code ours.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include "cli/apis.h"
#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace hearth::cli {
namespace {

struct RunFlags {
  std::string type = "t3.micro", profile, name, user_data_file;
  std::vector<std::string> command;
  bool gpus = false, keep = false, detach = false;
};

Result<std::string> read_script(const RunFlags& flags) {
  if (flags.user_data_file.empty()) return "#!/bin/sh\nexec " + shell_command(flags.command) + "\n";
  std::ifstream file(flags.user_data_file);
  std::stringstream content;
  content << file.rdbuf();
  if (!file) return Error(ErrorKind::not_found, "cannot read " + flags.user_data_file);
  if (!content.str().starts_with("#!"))
    return Error(ErrorKind::invalid, flags.user_data_file + " does not begin with #!, so an instance would not run it");
  return content.str();
}

// The smallest type with a GPU that there is room for now.
Result<std::string> launch_with_gpu(const Client& client, MachineRequest request) {
  TRY(std::vector<std::string> types, gpu_types_on_offer(client));
  if (types.empty()) types = {"g5.xlarge"};  // refused, and the server says what it has instead
  std::optional<Error> first;
  for (const std::string& type : types) {
    request.instance_type = type;
    auto id = launch_machine(client, request);
    if (id || id.error().code() != "InsufficientInstanceCapacity") return id;
    if (!first) first = id.error();  // the smallest type's is the one to read
  }
  return *first;
}

// What happens, as it happens: a line for people, or with --json an object a line.
class Progress {
 public:
  Progress(std::string id, bool json) : id_(std::move(id)), json_(json) {}
  void launched(bool detached) const {
    if (json_)
      event("launched");
    else if (detached)
      fmt::print("{}\n", id_);
    else
      note(fmt::format("{} starts", id_));
  }
  void running() const { json_ ? event("running") : note(fmt::format("{} runs", id_)); }
  void output(std::string_view line) const {
    if (json_)
      event("output", {{"message", line}});
    else
      fmt::print("{}\n", line);
    std::fflush(stdout);
  }
  void ended(int exit_code) const {
    if (json_) event("ended", {{"exit_code", exit_code}});
  }

 private:
  void event(std::string_view name, boost::json::object facts = {}) const {
    boost::json::object line = {{"event", name}, {"id", id_}};
    for (auto& [key, value] : facts) line[key] = std::move(value);
    fmt::print("{}\n", boost::json::serialize(line));
    std::fflush(stdout);
  }

  std::string id_;
  bool json_;
};

int run_run(const CommonFlags& common, const RunFlags& flags) {
  if (flags.command.empty() == flags.user_data_file.empty())
    return fail_usage("run", "give either a command after -- or --user-data FILE");
  const auto script = read_script(flags);
  if (!script) return fail_usage("run", script.error().message());
  const auto client = connect(common.connection);
  if (!client) return fail("run", "", client.error());

  MachineRequest request;
  request.instance_type = flags.type;
  request.instance_profile = flags.profile;
  request.name = flags.name;
  request.terminates_on_shutdown = !flags.keep;
  request.user_data = script_that_reports(*script, !flags.keep);
  watch_for_interrupt();
  const auto id = flags.gpus ? launch_with_gpu(*client, request) : launch_machine(*client, request);
  if (!id) return fail("run", "cannot launch an instance", id.error());
  const Progress progress(*id, common.json);
  progress.launched(flags.detach);
  if (flags.detach) {
    note(fmt::format("Follow it: hearth logs -f {} {}", console_log_group, *id));
    return 0;
  }

  const Interrupted interrupted = was_interrupted;
  const auto running = wait_until_running(*client, *id, interrupted);
  Result<int> status = Error(ErrorKind::internal, "");
  if (running) {
    progress.running();
    const auto show = [&](std::string_view line) { progress.output(line); };
    status = follow_console(*client, *id, show, interrupted);
  } else {
    status = running.error();
  }

  if (flags.keep) {
    note(fmt::format("{} is kept; end it with: aws ec2 terminate-instances --instance-ids {}", *id, *id));
  } else if (const auto ended = terminate_machine(*client, *id); !ended) {
    fail("run", fmt::format("{} could not be terminated", *id), ended.error());
  }
  if (status) {
    progress.ended(*status);
    return *status;
  }
  if (status.error().kind() == ErrorKind::cancelled) return 130;
  return fail("run", "the command did not report how it ended", status.error());
}

}  // namespace

Command make_run_command(CLI::App& parent, const std::filesystem::path& data_folder_default) {
  CLI::App* app = parent.add_subcommand("run", "run a command on a new instance and follow it");
  const CommonFlagsPtr common = add_common_flags(*app, data_folder_default);
  const auto flags = std::make_shared<RunFlags>();
  app->add_option("--type", flags->type, "instance type")->capture_default_str();
  app->add_flag("--gpus", flags->gpus, "take the smallest type with a GPU that the server has room for");
  app->add_option("--role", flags->profile, "instance profile, whose role the instance has");
  app->add_option("--name", flags->name, "its Name tag");
  app->add_flag("--keep", flags->keep, "leave the instance running when the command has ended");
  app->add_flag("--detach", flags->detach, "print the instance's id and return at once");
  app->add_option("--user-data", flags->user_data_file, "a script to run instead of a command");
  app->add_option("COMMAND", flags->command, "after --: what to run");
  app->footer(
      "The exit code is the command's; 130 when interrupted. With --json each line is an object with an event: "
      "launched, "
      "running, output (message), ended (exit_code). hearth-train and hearth-infer are in /opt/hearth on an "
      "instance.\n\n"
      "Examples:\n  hearth run -- uname -a\n  hearth run --type t3.medium --role trainer -- sh -c 'env | grep AWS'\n"
      "  hearth run --detach --name nightly --user-data train.sh");
  return {app, [common, flags] { return run_run(*common, *flags); }};
}

}  // namespace hearth::cli
