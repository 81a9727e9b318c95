// The request pipeline: what happens to a request between the socket and a service's handler, in one readable list
// (gateway.cpp, Gateway::handle). Knows every service by its tables only. Safe from any thread after start.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "gateway/request_metrics.h"
#include "http/message.h"
#include "ports/authorizer.h"
#include "ports/identity.h"
#include "ports/service.h"
#include "wire/routing.h"
#include "wire/schema.h"

namespace hearth::gateway {

struct GatewayOptions {
  std::string region = "us-east-1";
  // More hosts below which the first labels name a bucket: "s3.example.org".
  std::vector<std::string> s3_host_suffixes;
  std::size_t body_bytes_max = 16 << 20;  // of requests that are read whole; objects stream and have no such limit
  std::chrono::seconds request_timeout{300};
  bool log_requests = false;
};

// Something served beside the AWS protocols: health, the OpenAI-compatible paths. Never where the Host header names a
// bucket: there any path is an object's.
struct PlainRoute {
  std::string path;
  bool has_children = false;  // what lies below it, too: "/v1/models" takes "/v1/models/llama"
  // `ctx.caller` is anonymous unless `authenticates`, which verifies a SigV4 or bearer signature first.
  bool authenticates = false;
  std::function<Async<http::Response>(const RequestContext& ctx, http::Request& request)> handle;
};

class Gateway {
 public:
  Gateway(GatewayOptions options, CredentialDirectory& credentials, Authorizer& authorizer, const Clock& clock,
          IdSource& ids);
  ~Gateway();

  // At start, before the first handle(). `table` must outlive the gateway; null: every operation answers
  // NotImplemented.
  void add_service(const wire::ServiceSchema& schema, const OperationTable* table);
  void add_route(PlainRoute route);

  // Never fails: whatever goes wrong is an answer, with a request id.
  Async<http::Response> handle(http::Request& request);

  RequestMetrics& metrics() { return metrics_; }

 private:
  struct Exchange;
  const PlainRoute* find_plain(const http::Request& request) const;
  Async<http::Response> handle_plain(const PlainRoute& route, Exchange& exchange);
  Async<http::Response> answer_plain(const PlainRoute& route, Exchange& exchange);
  Async<void> authenticate_plain(Exchange& exchange);
  Async<void> run_pipeline(Exchange& exchange);

  Async<void> read_form_early(Exchange& exchange);
  Async<void> identify(Exchange& exchange);
  Async<void> authenticate(Exchange& exchange);
  Async<void> prepare_body(Exchange& exchange);
  Result<void> unpack(Exchange& exchange, std::string_view encoding);
  Async<void> decode(Exchange& exchange);
  Async<void> authorize_and_invoke(Exchange& exchange);
  void encode(Exchange& exchange);
  http::Response refuse(Exchange& exchange, const Error& error);
  void account(const Exchange& exchange, std::string_view service, const http::Response& response);

  Async<KeySecret> find_key(Exchange& exchange, std::string_view access_key_id, std::string_view session_token);
  void fill_facts(Exchange& exchange);
  void fill_conditions(Exchange& exchange);

  GatewayOptions options_;
  CredentialDirectory& credentials_;
  Authorizer& authorizer_;
  const Clock& clock_;
  IdSource& ids_;
  wire::Router router_;
  std::map<const wire::ServiceSchema*, const OperationTable*> tables_;
  std::vector<PlainRoute> routes_;
  RequestMetrics metrics_;
};

}  // namespace hearth::gateway
