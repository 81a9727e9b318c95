// Outgoing HTTP for services (SNS deliveries, model upstreams), without the http room. Implemented in server/.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/cancellation.h"

namespace hearth {

struct OutgoingRequest {
  std::string method = "POST";
  std::string url;  // http:// or https://
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds connect_timeout{3000};
  std::chrono::milliseconds idle_timeout{60000};  // longest silence while waiting for or reading the answer
  std::shared_ptr<Cancellation> cancellation;     // when set and cancelled: the connection closes, also while waiting
  // Where somebody else chose the URL: asked, on a thread of the caller's, about each numeric address that its host
  // turns out to be, before any is connected to. Those it refuses are not; where none is left, the call is denied.
  std::function<bool(const std::string& address, int port)> may_reach;
};

struct IncomingResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::unique_ptr<ByteSource> body;  // destroying it early closes the connection, which cancels the work upstream
};

class HttpCaller {
 public:
  virtual ~HttpCaller() = default;
  // Returns when the response head is there. unavailable if the peer cannot be reached or times out; cancelled if it
  // breaks off or the request is cancelled; denied if may_reach refuses every address.
  virtual Async<IncomingResponse> call(OutgoingRequest request) = 0;
};

}  // namespace hearth
