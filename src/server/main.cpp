// hearth: server and command line in one binary. `hearth serve` is the server; everything else lives in src/cli.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/commands.h"
#include "server/options.h"
#include "server/server.h"

int main(int argc, char** argv) {
  using namespace hearth;
  CLI::App app("Cloudhearth: a private AWS for LLM teams");
  app.require_subcommand(1);
  CLI::App* serve = app.add_subcommand("serve", "run the server");
  server::OptionsParser serve_options(*serve);
  const std::vector<cli::Command> commands = cli::make_commands(app, server::default_data_folder());

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;  // --help is an exception too
  }

  if (*serve) {
    const auto options = serve_options.finish();
    if (!options) {
      std::fprintf(stderr, "hearth serve: %s\n", options.error().message().c_str());
      return 2;
    }
    return server::run_serve(*options);
  }
  for (const cli::Command& command : commands)
    if (*command.app) return command.run();
  return 2;
}
