#include "server/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/ids.h"
#include "base/private_file.h"
#include "base/row.h"

namespace hearth::server {
namespace {

struct RootKeyFile {
  std::string account_id, access_key_id, secret_access_key;
};
BOOST_DESCRIBE_STRUCT(RootKeyFile, (), (account_id, access_key_id, secret_access_key))

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool is_account_id(const std::string& text) {
  return text.size() == 12 && text.find_first_not_of("0123456789") == text.npos;
}

std::filesystem::path root_key_path(const std::filesystem::path& data_folder) {
  return data_folder / "root-credentials.json";
}

Result<RootKey> load_root_key(const std::filesystem::path& data_folder) {
  std::ifstream file(root_key_path(data_folder));
  if (!file)
    return Error(ErrorKind::not_found,
                 fmt::format("{} holds no root-credentials.json: has `hearth serve --data {}` run?",
                             data_folder.string(), data_folder.string()));
  std::stringstream content;
  content << file.rdbuf();
  TRY(const RootKeyFile row, row::decode<RootKeyFile>(content.str()));
  return RootKey{row.account_id, row.access_key_id, row.secret_access_key};
}

}  // namespace

std::filesystem::path default_data_folder() {
  if (geteuid() == 0) return "/var/lib/hearth";
  if (const std::string data_home = environment("XDG_DATA_HOME"); !data_home.empty())
    return std::filesystem::path(data_home) / "hearth";
  return std::filesystem::path(environment("HOME")) / ".local/share/hearth";
}

OptionsParser::OptionsParser(CLI::App& command) {
  data_ = default_data_folder().string();
  command.add_option("--data", data_, "folder that holds everything")->capture_default_str();
  command.add_option("--listen", listen_, "HOST:PORT to serve on; port 0 takes a free one")->capture_default_str();
  command.add_option("--account-id", options_.account_id, "12 digits")->capture_default_str();
  command.add_option("--region", options_.region, "the region we call ourselves")->capture_default_str();
  command.add_option("--s3-domain", options_.s3_domains,
                     "DNS name below which buckets have host names: BUCKET.DOMAIN (BUCKET.localhost always works)");
  command.add_option("--tls-cert", options_.tls_cert, "PEM certificate chain; serves HTTPS instead of HTTP");
  command.add_option("--tls-key", options_.tls_key, "PEM private key");
  command.add_flag("--tls-self-signed", options_.tls_self_signed,
                   "make a certificate for this host in the data folder and serve HTTPS with it");
  command.add_flag("--test-mode", options_.test_mode, "for test suites: POST /_hearth/reset, a second account");
  command.add_option(
      "--day-seconds", options_.day_seconds,
      "test mode: how long a lifecycle day lasts; lifecycle rules are not served yet, so nothing is shorter for it");
  command.add_flag("--verbose", options_.verbose, "log every request");
  command.footer(
      "Examples:\n  hearth serve\n  hearth serve --data /srv/hearth --listen 0.0.0.0:4566 --tls-self-signed\n"
      "Then, in another shell:\n  eval $(hearth env) && aws s3 ls");
}

Result<Options> OptionsParser::finish() {
  const auto invalid = [](std::string message) { return Error(ErrorKind::invalid, std::move(message)); };
  const auto colon = listen_.rfind(':');
  if (colon == listen_.npos) return invalid("--listen wants HOST:PORT, got " + listen_);
  options_.listen_host = listen_.substr(0, colon);
  if (options_.listen_host.starts_with('[') && options_.listen_host.ends_with(']'))
    options_.listen_host = options_.listen_host.substr(1, options_.listen_host.size() - 2);
  const std::string port = listen_.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), options_.listen_port);
  if (error != std::errc() || end != port.data() + port.size() || options_.listen_port < 0 ||
      options_.listen_port > 65535)
    return invalid("--listen wants a port between 0 and 65535, got " + port);
  if (!is_account_id(options_.account_id)) return invalid("--account-id wants 12 digits, got " + options_.account_id);
  if (options_.tls_cert.empty() != options_.tls_key.empty()) return invalid("--tls-cert and --tls-key belong together");
  if (!(options_.day_seconds > 0)) return invalid("--day-seconds wants a positive number");
  options_.data_folder = std::filesystem::absolute(data_);

  if (options_.test_mode) {
    if (options_.listen_host != "127.0.0.1" && options_.listen_host != "localhost" && options_.listen_host != "::1")
      return invalid("--test-mode can wipe all state, so it only listens on loopback, not on " + options_.listen_host);
    const std::string access_key_id = environment("HEARTH_ALT_ACCESS_KEY_ID");
    if (!access_key_id.empty()) {
      const RootKey alternative{environment("HEARTH_ALT_ACCOUNT_ID"), access_key_id,
                                environment("HEARTH_ALT_SECRET_ACCESS_KEY")};
      if (!is_account_id(alternative.account_id) || alternative.account_id == options_.account_id ||
          alternative.secret_access_key.empty())
        return invalid(
            "HEARTH_ALT_ACCESS_KEY_ID needs HEARTH_ALT_SECRET_ACCESS_KEY and an HEARTH_ALT_ACCOUNT_ID of 12 digits "
            "other than --account-id");
      options_.alternative_root = alternative;
    }
  } else if (options_.day_seconds != 86400) {
    return invalid("--day-seconds is for --test-mode");
  }
  return options_;
}

Result<RootKey> load_or_create_root_key(const Options& options) {
  const std::string access_key_id = environment("HEARTH_ROOT_ACCESS_KEY_ID");
  const std::string secret = environment("HEARTH_ROOT_SECRET_ACCESS_KEY");
  if (access_key_id.empty() != secret.empty())
    return Error(ErrorKind::invalid, "HEARTH_ROOT_ACCESS_KEY_ID and HEARTH_ROOT_SECRET_ACCESS_KEY belong together");
  if (!access_key_id.empty()) return RootKey{options.account_id, access_key_id, secret};

  if (std::filesystem::exists(root_key_path(options.data_folder))) {
    TRY(RootKey key, load_root_key(options.data_folder));
    key.account_id = options.account_id;
    return key;
  }
  SystemIds ids;
  const RootKey key{options.account_id, ids.upper_alnum("AKIA", 20), ids.secret(40)};
  const RootKeyFile file{key.account_id, key.access_key_id, key.secret_access_key};
  TRY_DO(write_private_file(root_key_path(options.data_folder), row::encode(file) + "\n"));
  return key;
}

}  // namespace hearth::server
