// What `hearth serve` is told: command line first, environment for secrets, defaults for the rest.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace CLI {
class App;
}

namespace hearth::server {

struct RootKey {
  std::string account_id;
  std::string access_key_id;
  std::string secret_access_key;
};

struct Options {
  std::filesystem::path data_folder;
  std::string listen_host = "127.0.0.1";
  int listen_port = 4566;
  std::string account_id = "000000000000";
  std::string region = "us-east-1";
  std::vector<std::string> s3_domains;  // BUCKET.DOMAIN names a bucket, beside the well-known ones
  std::filesystem::path tls_cert, tls_key;
  bool tls_self_signed = false;
  bool test_mode = false;
  double day_seconds = 86400;  // --test-mode only: how long a lifecycle day lasts
  bool verbose = false;
  // --test-mode only, from HEARTH_ALT_*: the root of a second account.
  std::optional<RootKey> alternative_root;
};

// /var/lib/hearth for root, else $XDG_DATA_HOME/hearth or ~/.local/share/hearth.
std::filesystem::path default_data_folder();

// Adds serve's options to `command`; call finish() after parsing for what needs checking together.
class OptionsParser {
 public:
  explicit OptionsParser(CLI::App& command);
  // ErrorKind::invalid with a sentence for the user.
  Result<Options> finish();

 private:
  Options options_;
  std::string listen_ = "127.0.0.1:4566";
  std::string data_;
};

// The root key of the default account: HEARTH_ROOT_ACCESS_KEY_ID and HEARTH_ROOT_SECRET_ACCESS_KEY when set, else
// `root-credentials.json` in the data folder, which is made on first start with mode 0600.
Result<RootKey> load_or_create_root_key(const Options& options);

}  // namespace hearth::server
