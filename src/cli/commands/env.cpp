// hearth env: the root user of a local server, as shell exports.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace hearth::cli {
namespace {

int run_env(const CommonFlags& flags) {
  const auto key = read_root_key(flags.connection.data());
  if (!key) return fail("env", "", key.error());
  ClientOptions defaults;
  std::string endpoint = flags.connection.endpoint_url;
  if (endpoint.empty()) endpoint = local_endpoint_url(flags.connection.data());
  if (endpoint.empty()) endpoint = defaults.endpoint_url;
  const std::string region = flags.connection.region.empty() ? defaults.region : flags.connection.region;
  std::vector<std::pair<std::string, std::string>> variables = {{"AWS_ACCESS_KEY_ID", key->access_key_id},
                                                                {"AWS_SECRET_ACCESS_KEY", key->secret_access_key},
                                                                {"AWS_REGION", region},
                                                                {"AWS_DEFAULT_REGION", region},
                                                                {"AWS_ENDPOINT_URL", endpoint}};
  // A server that made its own certificate keeps it beside its key; nobody else vouches for it.
  const auto certificate = std::filesystem::absolute(flags.connection.data() / "tls-certificate.pem");
  if (endpoint.starts_with("https://") && std::filesystem::exists(certificate))
    variables.emplace_back("AWS_CA_BUNDLE", certificate.string());
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
  app->footer(
      "Examples:\n  eval $(hearth env)\n  eval $(hearth env --data /srv/hearth --endpoint-url http://10.0.0.5:4566)");
  return {app, [flags] { return run_env(*flags); }};
}

}  // namespace hearth::cli
