// hearth: server and command line in one binary. `hearth serve` is the server; everything else lives in src/cli.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "cli/commands.h"
#include "server/options.h"
#include "server/server.h"

namespace {

// Whether the first word is a command, or an option; if not, says which commands there are. The parser itself would
// only say that a subcommand is required.
bool check_command(const CLI::App& app, const std::string& word) {
  if (word.empty() || word.starts_with('-')) return true;
  std::string known;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == word) return true;
    known += (known.empty() ? "" : ", ") + command->get_name();
  }
  std::fprintf(stderr,
               "hearth: there is no command \"%s\". The commands are: %s.\n"
               "`hearth COMMAND --help` explains one of them.\n",
               word.c_str(), known.c_str());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace hearth;
  CLI::App app("Cloudhearth: a private AWS for LLM teams");
  app.set_version_flag("--version", "hearth " HEARTH_VERSION);
  app.require_subcommand(1);
  CLI::App* serve = app.add_subcommand("serve", "run the server");
  server::OptionsParser serve_options(*serve);
  const std::vector<cli::Command> commands = cli::make_commands(app, server::default_data_folder());

  if (!check_command(app, argc > 1 ? argv[1] : "")) return 2;
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
