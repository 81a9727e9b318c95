// Whose name a workload signs requests with: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or else
// the instance's role by IMDSv2, asked again five minutes before its keys expire.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
#pragma once

#include "base/time.h"
#include "http/client.h"
#include "wire/sigv4.h"

namespace hearth::llm {

class Credentials {
 public:
  explicit Credentials(http::Client& client) : client_(client) {}
  // Fails when there are none to be had; a refresh that fails is tried again while the keys we have are good.
  const wire::SigningCredentials& current();

 private:
  std::string metadata(const std::string& method, const std::string& path, const std::string& token);
  void ask_instance();

  http::Client& client_;
  wire::SigningCredentials keys_;
  TimePoint refresh_at_{}, expires_at_{};
  bool fixed_ = false;
};

}  // namespace hearth::llm
