// hearth demo: the whole pipeline on a private server, shown step by step.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "cli/commands.h"
#include "cli/demo/pipeline.h"
#include "cli/demo/private_server.h"
#include "cli/demo/story.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace hearth::cli {
namespace {

// A shell that reads this file, from its folder, takes every command of the demo as it stands.
Result<void> write_environment(const PrivateServer& server) {
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::string folder = shell_word(server.folder().string());
  std::ofstream file(server.folder() / "env");
  file << fmt::format("eval \"$({} env --data {} --endpoint-url {})\"\n", shell_word(program.string()),
                      shell_word(server.data().string()), server.url());
  file << fmt::format("export AWS_SHARED_CREDENTIALS_FILE={}/credentials PATH={}:$PATH\n", folder,
                      shell_word(program.parent_path().string()));
  file << "unset AWS_PROFILE AWS_SESSION_TOKEN\n";
  file.close();
  if (!file) return Error(ErrorKind::no_space, fmt::format("cannot write {}", (server.folder() / "env").string()));
  return ok;
}

void say_how_to_go_on(const PrivateServer& server) {
  const std::string folder = shell_word(server.folder().string());
  fmt::print("\nIt is left running. In a shell after  cd {} && . ./env\n", folder);
  fmt::print("   look at it:  hearth status; hearth ps\n");
  fmt::print("   ask it:      any command above\n");
  fmt::print("   end it:      hearth demo --stop {}\n", folder);
}

// Everything the demo started, in the order that leaves nothing behind.
int end(const Client& root, PrivateServer& server) {
  note("ending machines and the server, removing their files");
  int code = 0;
  if (const auto ended = end_machines(root); !ended) code = fail("demo", "machines may be left", ended.error());
  if (const auto stopped = server.stop(); !stopped) code = fail("demo", "files are left", stopped.error());
  return code;
}

// --json: the story goes to standard error, for who watches; standard output gets one object at the end.
class StandardOutputAside {
 public:
  StandardOutputAside() : kept_(::dup(STDOUT_FILENO)) { ::dup2(STDERR_FILENO, STDOUT_FILENO); }
  ~StandardOutputAside() {
    std::fflush(stdout);
    ::dup2(kept_, STDOUT_FILENO);
    ::close(kept_);
  }
  StandardOutputAside(const StandardOutputAside&) = delete;
  StandardOutputAside& operator=(const StandardOutputAside&) = delete;

 private:
  int kept_;
};

int run_story(bool keep, boost::json::object& summary) {
  watch_for_interrupt(SecondSignal::ignored);
  Story story;
  auto server = PrivateServer::start(keep, was_interrupted);
  if (!server) {
    if (server.error().kind() == ErrorKind::cancelled) return 130;
    return fail("demo", "cannot start a server", server.error());
  }
  const auto root = server->connect();
  if (!root) return fail("demo", "", root.error());
  if (const auto written = write_environment(*server); !written) return fail("demo", "", written.error());
  fmt::print("   a private hearth serves on {}, its data in {}\n", server->url(), server->data().string());
  fmt::print("   while it runs, every command below works as it stands in a shell after  cd {} && . ./env\n",
             shell_word(server->folder().string()));

  DemoPipeline pipeline(*root, story, server->folder(), was_interrupted);
  const auto result = pipeline.run();
  int code = 0;
  if (!result && result.error().kind() == ErrorKind::cancelled) {
    note("\ninterrupted");
    code = 130;
  } else if (!result) {
    std::fflush(stdout);
    code = fail("demo", "", result.error());
    note(fmt::format("--- the server's last words\n{}", server->log_tail()));
  }
  if (keep && code == 0) {
    say_how_to_go_on(*server);
    summary["endpoint_url"] = server->url();
    summary["folder"] = server->folder().string();
    summary["data"] = server->data().string();
    summary["process_id"] = server->process_id();
    server->leave_running();
  } else if (const int end_code = end(*root, *server); code == 0) {
    code = end_code;
  }
  if (code == 0) fmt::print("\nDone in {} s.\n", story.elapsed().count());
  summary["seconds"] = story.elapsed().count();
  return code;
}

int stop_demo(const std::string& folder) {
  watch_for_interrupt(SecondSignal::ignored);
  auto server = PrivateServer::find(folder);
  if (!server) return fail("demo", "", server.error());
  const auto root = server->connect();
  if (!root) {
    server->leave_running();
    return fail("demo", "", root.error());
  }
  return end(*root, *server);
}

int run_demo(bool keep, const std::string& stop, bool json) {
  boost::json::object summary;
  const auto run = [&] { return stop.empty() ? run_story(keep, summary) : stop_demo(stop); };
  if (!json) return run();
  int code = 0;
  {
    const StandardOutputAside aside;
    code = run();
  }
  summary["exit_code"] = code;
  fmt::print("{}\n", boost::json::serialize(summary));
  return code;
}

}  // namespace

Command make_demo_command(CLI::App& parent, const std::filesystem::path&) {
  CLI::App* app = parent.add_subcommand("demo", "run the whole pipeline on a private server and show it");
  const auto keep = std::make_shared<bool>(false);
  const auto stop = std::make_shared<std::string>();
  app->add_flag("--keep", *keep, "leave the server and the model's endpoint running");
  app->add_option("--stop", *stop, "end what an earlier --keep left in this folder")->excludes("--keep");
  const auto json = std::make_shared<bool>(false);
  app->add_flag("--json", *json, "tell the story on standard error, and at its end one JSON object on standard output");
  app->footer(
      "Ctrl-C ends it and leaves nothing behind.\n\nExamples:\n  hearth demo\n  hearth demo --keep\n"
      "  hearth demo --stop /tmp/hearth-demo-Xq31Zb");
  return {app, [keep, stop, json] { return run_demo(*keep, *stop, *json); }};
}

}  // namespace hearth::cli
