// Outgoing HTTP for services (SNS deliveries, model upstreams), without the http room. Implemented in server/.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace hearth {

struct OutgoingRequest {
  std::string method = "POST";
  std::string url;  // http:// or https://
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds connect_timeout{3000};
  std::chrono::milliseconds idle_timeout{60000};  // longest silence while waiting for or reading the answer
};

struct IncomingResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::unique_ptr<ByteSource> body;  // destroying it early closes the connection, which cancels the work upstream
};

class HttpCaller {
 public:
  virtual ~HttpCaller() = default;
  // Returns when the response head is there. unavailable if the peer cannot be reached or times out.
  virtual Async<IncomingResponse> call(OutgoingRequest request) = 0;
};

}  // namespace hearth
