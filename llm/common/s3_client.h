// S3 objects as Storage's readers and writers: ranged GETs, single and multipart PUTs, path style, signed. Used by
// storage.cpp only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "http/client.h"
#include "llm/common/credentials.h"
#include "llm/common/storage.h"

namespace hearth::llm {

class S3Client {
 public:
  S3Client();

  std::unique_ptr<ObjectReader> open(const std::string& uri);
  std::unique_ptr<ObjectWriter> create(const std::string& uri);
  std::optional<std::uint64_t> find_size(const std::string& uri);
  std::vector<std::string> list(const std::string& uri);

  struct Call {
    std::string method = "GET";
    std::string uri;
    std::string query;
    http::Headers headers;
    std::string body;
  };
  struct Answer {
    int status = 0;
    http::Headers headers;
    std::string body;
  };
  // Any answer below 500 but 429. Busy servers and broken connections are tried again.
  Answer send(const Call& call);
  // The same, and anything but 2xx is a Failure that names the object and says what S3 said.
  Answer send_checked(const Call& call);

 private:
  Result<Answer> send_once(const Call& call);
  [[noreturn]] void refuse(const Call& call, const Answer& answer);

  http::Client client_;
  Credentials credentials_;
  http::Url endpoint_;
  std::string region_;
};

}  // namespace hearth::llm
