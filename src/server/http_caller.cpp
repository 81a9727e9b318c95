#include "server/http_caller.h"

namespace hearth::server {

Async<IncomingResponse> ClientHttpCaller::call(OutgoingRequest outgoing) {
  CO_TRY(const http::Url url, http::parse_url(outgoing.url));
  http::Request request;
  request.method = std::move(outgoing.method);
  request.path = url.path;
  request.query = url.query;
  for (auto& [name, value] : outgoing.headers) request.headers.add(name, std::move(value));
  request.body = std::move(outgoing.body);
  CO_TRY(http::Response response,
         co_await client_.send(url, std::move(request), outgoing.connect_timeout, outgoing.idle_timeout,
                               std::move(outgoing.cancellation), std::move(outgoing.may_reach)));
  IncomingResponse incoming;
  incoming.status = response.status;
  for (const http::Header& field : response.headers) incoming.headers.emplace_back(field.name, field.value);
  incoming.body = std::move(response.stream);
  co_return incoming;
}

}  // namespace hearth::server
