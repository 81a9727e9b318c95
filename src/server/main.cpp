// hearth: server and command line in one binary. `hearth serve` is the server; everything else lives in src/cli.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "cli/commands.h"
#include "cli/terminal.h"
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
  hearth::cli::fail_usage("", "there is no command \"" + word + "\"; the commands are " + known);
  return false;
}

// The command that was being read, for the message that says what is wrong with its words.
std::string name_of_parsed(const CLI::App& app) {
  for (const CLI::App* command : app.get_subcommands()) return command->get_name();
  return "";
}

// Before anything is parsed, as the parser's own complaints are to be JSON too. What follows -- is not for us.
bool wants_json(int argc, char** argv) {
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i)
    if (std::string_view(argv[i]) == "--json") return true;
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

  if (wants_json(argc, argv)) cli::speak_json();
  if (argc == 1) {
    std::fputs(app.help().c_str(), stderr);
    return 2;
  }
  if (!check_command(app, argc > 1 ? argv[1] : "")) return 2;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    if (problem.get_exit_code() == 0) return app.exit(problem);  // --help is an exception too
    return cli::fail_usage(name_of_parsed(app), problem.what());
  }

  if (*serve) {
    const auto options = serve_options.finish();
    if (!options) return cli::fail_usage("serve", options.error().message());
    return server::run_serve(*options);
  }
  for (const cli::Command& command : commands)
    if (*command.app) return command.run();
  return 2;
}
