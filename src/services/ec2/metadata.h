// What an instance may ask about itself at 169.254.169.254, apart from any socket: a request in, an answer out.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace hearth::ec2 {

struct MetadataRequest {
  std::string method;  // "GET", "PUT"
  std::string path;    // "/latest/meta-data/instance-id"
  std::vector<std::pair<std::string, std::string>> headers;
};

struct MetadataResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

}  // namespace hearth::ec2
