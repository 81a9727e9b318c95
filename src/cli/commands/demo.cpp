// hearth demo: the whole pipeline on a private server, shown step by step.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/commands.h"
#include "cli/demo/pipeline.h"
#include "cli/demo/private_server.h"
#include "cli/demo/story.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace hearth::cli {
namespace {

void say_how_to_go_on(const PrivateServer& server) {
  const std::string data = shell_word(server.data().string());
  fmt::print("\nIt is left running.\n");
  fmt::print("   look at it:  eval $(hearth env --data {} --endpoint-url {}) && hearth status\n", data, server.url());
  fmt::print("   ask it:      AWS_ENDPOINT_URL={} aws sagemaker-runtime invoke-endpoint …\n", server.url());
  fmt::print(
      "   stop it:     aws sagemaker delete-endpoint --endpoint-name chat; wait until `hearth ps` lists nothing;\n"
      "                kill {}; rm -r {}\n",
      server.process_id(), shell_word(server.folder().string()));
}

// Everything the demo started, in the order that leaves nothing behind.
int end(DemoPipeline& pipeline, PrivateServer& server) {
  note("ending machines and the server, removing their files");
  int code = 0;
  if (const auto ended = pipeline.end_machines(); !ended) code = fail("demo", "machines may be left", ended.error());
  if (const auto stopped = server.stop(); !stopped) code = fail("demo", "files are left", stopped.error());
  return code;
}

int run_demo(bool keep) {
  watch_for_interrupt(SecondSignal::ignored);
  Story story;
  auto server = PrivateServer::start(keep, was_interrupted);
  if (!server) {
    if (server.error().kind() == ErrorKind::cancelled) return 130;
    return fail("demo", "cannot start a server", server.error());
  }
  const auto root = server->connect();
  if (!root) return fail("demo", "", root.error());
  fmt::print("   a private hearth serves on {}, its data in {}\n", server->url(), server->data().string());

  DemoPipeline pipeline(*root, story, was_interrupted);
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
    server->leave_running();
  } else if (const int end_code = end(pipeline, *server); code == 0) {
    code = end_code;
  }
  if (code == 0) fmt::print("\nDone in {} s.\n", story.elapsed().count());
  return code;
}

}  // namespace

Command make_demo_command(CLI::App& parent, const std::filesystem::path&) {
  CLI::App* app = parent.add_subcommand("demo", "run the whole pipeline on a private server and show it");
  const auto keep = std::make_shared<bool>(false);
  app->add_flag("--keep", *keep, "leave the server and the model's endpoint running");
  app->footer("Ctrl-C ends it and leaves nothing behind.\n\nExamples:\n  hearth demo\n  hearth demo --keep");
  return {app, [keep] { return run_demo(*keep); }};
}

}  // namespace hearth::cli
