// hearth env: the root user of a local server, as shell exports.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <thread>

#include "cli/commands.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace hearth::cli {
namespace {

// The address of the server of that folder. One that was started a moment ago has not written it yet, and a guess would
// send what is typed next to somebody else.
Result<std::string> find_endpoint(const CommonFlags& flags, double wait_seconds) {
  if (!flags.connection.endpoint_url.empty()) return flags.connection.endpoint_url;
  const std::string folder = flags.connection.data().string();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(wait_seconds);
  for (;;) {
    if (std::string url = local_endpoint_url(folder); !url.empty()) return url;
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return Error(ErrorKind::not_found,
               fmt::format("no server has said where it serves {0}: start one with `hearth serve --data {0}`", folder));
}

int run_env(const CommonFlags& flags, double wait_seconds) {
  if (const auto key = read_root_key(flags.connection.data()); !key && key.error().kind() == ErrorKind::denied)
    return fail("env", "", key.error());
  const auto endpoint = find_endpoint(flags, wait_seconds);
  if (!endpoint) return fail("env", "", endpoint.error());
  const auto key = read_root_key(flags.connection.data());
  if (!key) return fail("env", "", key.error());
  const ClientOptions defaults;
  const std::string region = flags.connection.region.empty() ? defaults.region : flags.connection.region;
  std::vector<std::pair<std::string, std::string>> variables = {{"AWS_ACCESS_KEY_ID", key->access_key_id},
                                                                {"AWS_SECRET_ACCESS_KEY", key->secret_access_key},
                                                                {"AWS_REGION", region},
                                                                {"AWS_DEFAULT_REGION", region},
                                                                {"AWS_ENDPOINT_URL", *endpoint}};
  // A server that made its own certificate keeps it beside its key; nobody else vouches for it.
  const std::string certificate = local_certificate_file(flags.connection.data());
  if (endpoint->starts_with("https://") && !certificate.empty()) variables.emplace_back("AWS_CA_BUNDLE", certificate);
  if (flags.json) {
    boost::json::object object;
    for (const auto& [name, value] : variables) object[name] = value;
    fmt::print("{}\n", boost::json::serialize(object));
    return 0;
  }
  for (const auto& [name, value] : variables) fmt::print("export {}={}\n", name, shell_word(value));
  return 0;
}

}  // namespace

Command make_env_command(CLI::App& parent, const std::filesystem::path& data_folder_default) {
  CLI::App* app = parent.add_subcommand("env", "print shell exports for the root user of a local server");
  const CommonFlagsPtr flags = add_common_flags(*app, data_folder_default);
  const auto wait_seconds = std::make_shared<double>(10);
  app->add_option("--wait", *wait_seconds, "seconds to wait for a server that is starting")
      ->check(CLI::Range(0, 3'600))
      ->capture_default_str();
  app->footer(
      "Examples:\n  eval $(hearth env)\n  eval $(hearth env --data /srv/hearth --endpoint-url http://10.0.0.5:4566)");
  return {app, [flags, wait_seconds] { return run_env(*flags, *wait_seconds); }};
}

}  // namespace hearth::cli
