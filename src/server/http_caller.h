// HttpCaller over the http room's client: the only way a service reaches out.
#pragma once

#include "http/client.h"
#include "ports/http_caller.h"

namespace hearth::server {

class ClientHttpCaller final : public HttpCaller {
 public:
  explicit ClientHttpCaller(http::Client& client) : client_(client) {}
  Async<IncomingResponse> call(OutgoingRequest request) override;

 private:
  http::Client& client_;
};

}  // namespace hearth::server
