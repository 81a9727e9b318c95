// Which server a command talks to and as whom, from its options, the environment, a local server's data folder and
// ~/.aws, in this order.
#pragma once

#include <filesystem>
#include <string>

#include "cli/client.h"

namespace hearth::cli {

struct ConnectionFlags {
  // --endpoint-url, else where --data's server listens, AWS_ENDPOINT_URL, ~/.aws/config, where the default data
  // folder's server listens, http://127.0.0.1:4566
  std::string endpoint_url;
  std::string region;       // --region, else AWS_REGION, AWS_DEFAULT_REGION, ~/.aws/config, us-east-1
  std::string data_folder;  // --data; when given, its root key comes before the environment's keys
  std::filesystem::path data_folder_default;
  std::filesystem::path data() const {
    return data_folder.empty() ? data_folder_default : std::filesystem::path(data_folder);
  }
};

// denied, with what to do, when there are no credentials anywhere.
Result<Client> connect(const ConnectionFlags& flags);

// The root key of a local server: HEARTH_ROOT_ACCESS_KEY_ID and HEARTH_ROOT_SECRET_ACCESS_KEY, which the server takes
// too, else the one in its folder. not_found if none ran with that folder, denied if we may not read it.
Result<wire::SigningCredentials> read_root_key(const std::filesystem::path& data_folder);

// Where the server of that data folder listens, or listened when it last ran; "" if none did or we may not read it.
std::string local_endpoint_url(const std::filesystem::path& data_folder);

// The certificate that a local server made itself (--tls-self-signed); "" if it has none.
std::string local_certificate_file(const std::filesystem::path& data_folder);

// The value of `name` in [section] of an ini file as ~/.aws/config is one; "" if there is none.
std::string ini_value(const std::string& content, const std::string& section, const std::string& name);

}  // namespace hearth::cli
