#include "cli/connection.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace hearth::cli {
namespace fs = std::filesystem;
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values)
    if (!value.empty()) return value;
  return "";
}

fs::path aws_file(const char* variable, const char* name) {
  const std::string given = environment(variable);
  return given.empty() ? fs::path(environment("HOME")) / ".aws" / name : fs::path(given);
}

std::string profile() {
  return first_of({environment("AWS_PROFILE"), "default"});
}

// AWS: in the config file every profile but the default one is called "profile NAME".
std::string config_value(const std::string& name) {
  const std::string section = profile() == "default" ? "default" : "profile " + profile();
  return ini_value(read_file(aws_file("AWS_CONFIG_FILE", "config")), section, name);
}

wire::SigningCredentials environment_credentials() {
  return {.access_key_id = environment("AWS_ACCESS_KEY_ID"),
          .secret_access_key = environment("AWS_SECRET_ACCESS_KEY"),
          .session_token = environment("AWS_SESSION_TOKEN")};
}

wire::SigningCredentials profile_credentials() {
  const std::string content = read_file(aws_file("AWS_SHARED_CREDENTIALS_FILE", "credentials"));
  return {.access_key_id = ini_value(content, profile(), "aws_access_key_id"),
          .secret_access_key = ini_value(content, profile(), "aws_secret_access_key"),
          .session_token = ini_value(content, profile(), "aws_session_token")};
}

bool are_complete(const wire::SigningCredentials& credentials) {
  return !credentials.access_key_id.empty() && !credentials.secret_access_key.empty();
}

Result<wire::SigningCredentials> find_credentials(const ConnectionFlags& flags) {
  if (!flags.data_folder.empty()) return read_root_key(flags.data_folder);
  if (const auto found = environment_credentials(); are_complete(found)) return found;
  if (const auto found = read_root_key(flags.data_folder_default)) return *found;
  if (const auto found = profile_credentials(); are_complete(found)) return found;
  return Error(
      ErrorKind::denied,
      fmt::format("no credentials: AWS_ACCESS_KEY_ID is not set, {} holds no readable root key, and ~/.aws has "
                  "none; try `eval $(hearth env)` or --data with the server's data folder",
                  flags.data_folder_default.string()));
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

}  // namespace

std::string ini_value(const std::string& content, const std::string& section, const std::string& name) {
  std::istringstream lines(content);
  bool in_section = false;
  for (std::string line; std::getline(lines, line);) {
    const std::string text = trimmed(line);
    if (text.starts_with('[') && text.ends_with(']')) {
      in_section = trimmed(std::string_view(text).substr(1, text.size() - 2)) == section;
      continue;
    }
    const auto equals = text.find('=');
    if (!in_section || equals == text.npos || text.starts_with('#') || text.starts_with(';')) continue;
    if (trimmed(std::string_view(text).substr(0, equals)) == name)
      return trimmed(std::string_view(text).substr(equals + 1));
  }
  return "";
}

Result<wire::SigningCredentials> read_root_key(const fs::path& data_folder) {
  // Where the environment says what the root key is, the server keeps none in its folder.
  if (const wire::SigningCredentials given{.access_key_id = environment("HEARTH_ROOT_ACCESS_KEY_ID"),
                                           .secret_access_key = environment("HEARTH_ROOT_SECRET_ACCESS_KEY")};
      are_complete(given))
    return given;
  const fs::path path = data_folder / "root-credentials.json";
  std::error_code error;
  if (!fs::exists(path, error)) {
    if (error) return Error(ErrorKind::denied, "cannot look into " + data_folder.string() + ": " + error.message());
    return Error(
        ErrorKind::not_found,
        fmt::format("{0} holds no root-credentials.json: has `hearth serve --data {0}` run?", data_folder.string()));
  }
  const std::string content = read_file(path);
  boost::system::error_code failed;
  const boost::json::value value = boost::json::parse(content, failed);
  const auto text = [&](std::string_view name) {
    const auto* member = !failed && value.is_object() ? value.get_object().if_contains(name) : nullptr;
    return member && member->is_string() ? std::string(member->get_string()) : std::string();
  };
  wire::SigningCredentials key{.access_key_id = text("access_key_id"), .secret_access_key = text("secret_access_key")};
  if (!are_complete(key))
    return Error(ErrorKind::denied,
                 "cannot read a root key from " + path.string() + " (it is the server's user's alone)");
  return key;
}

std::string local_endpoint_url(const fs::path& data_folder) {
  return trimmed(read_file(data_folder / "endpoint-url"));
}

std::string local_certificate_file(const fs::path& data_folder) {
  std::error_code error;
  const auto certificate = fs::absolute(data_folder / "tls-certificate.pem", error);
  return fs::exists(certificate, error) ? certificate.string() : "";
}

Result<Client> connect(const ConnectionFlags& flags) {
  ClientOptions options;
  const std::string named = flags.data_folder.empty() ? "" : local_endpoint_url(flags.data_folder);
  options.endpoint_url =
      first_of({flags.endpoint_url, named, environment("AWS_ENDPOINT_URL"), config_value("endpoint_url"),
                local_endpoint_url(flags.data_folder_default), options.endpoint_url});
  options.region = first_of({flags.region, environment("AWS_REGION"), environment("AWS_DEFAULT_REGION"),
                             config_value("region"), options.region});
  options.ca_file = first_of({environment("AWS_CA_BUNDLE"), local_certificate_file(flags.data())});
  TRY(options.credentials, find_credentials(flags));
  return Client::open(std::move(options));
}

}  // namespace hearth::cli
