// One typed client for every AWS service, on the generated tables and the codecs the server uses:
//
//   TRY(const auto page, call<api::logs::op::FilterLogEvents>(client, {.log_group_name = "/training"}));
//
// Requests are signed (SigV4); failures that pass by themselves (throttling, 5xx, broken connections) are tried again
// with growing pauses. A modelled error is Error::aws with the service's code and message and a field "RequestId".
// Blocks; for plain threads. Safe from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "http/client.h"
#include "wire/schema.h"
#include "wire/sigv4.h"

namespace hearth::cli {

struct ClientOptions {
  std::string endpoint_url = "http://127.0.0.1:4566";
  std::string region = "us-east-1";
  wire::SigningCredentials credentials;
  std::string ca_file;  // trusted beside the system's certificates
  int attempts_max = 4;
  std::chrono::milliseconds first_pause{200};
};

// A request that is not an AWS operation (health, /v1/…), and its whole answer.
struct PlainCall {
  std::string method = "GET";
  std::string path;
  std::string body;
  std::string content_type;
  // Signed as a call to this service; empty: not signed.
  std::string signing_service;
};
struct PlainAnswer {
  int status = 0;
  std::string body;
};

class Client {
 public:
  // invalid: the endpoint is not a URL.
  static Result<Client> open(ClientOptions options);

  const ClientOptions& options() const { return options_; }
  // The same server seen by somebody else.
  Client with_credentials(wire::SigningCredentials credentials) const;

  // What call<Op>() does, with types erased. A streaming body can be sent once, so such a call is not tried again.
  Result<void> call(const wire::ServiceSchema& service, std::size_t operation_index, void* in, void* out) const;
  // Any status is an answer.
  Result<PlainAnswer> send(const PlainCall& call) const;

 private:
  Client(ClientOptions options, http::Url endpoint);
  Result<http::Response> send_once(http::Request request, const std::string& signing_service) const;

  ClientOptions options_;
  http::Url endpoint_;
  std::shared_ptr<http::Client> http_;  // shared by copies for other identities; the last of them closes it
};

// `schema_of` comes from cli/apis.h.
template <class Op>
Result<typename Op::Output> call(const Client& client, typename Op::Input in) {
  typename Op::Output out;
  TRY_DO(client.call(schema_of(Op{}), Op::index, &in, &out));
  return out;
}

// Calls `use` with every page of an operation whose input and output both name their token next_token, until there is
// no more or `use` returns false.
template <class Op>
Result<void> for_each_page(const Client& client, typename Op::Input in,
                           const std::function<bool(typename Op::Output&)>& use) {
  for (;;) {
    TRY(typename Op::Output page, call<Op>(client, in));
    if (!use(page)) return ok;
    // AWS: an empty token ends the list as well as none.
    if (!page.next_token || page.next_token->empty()) return ok;
    in.next_token = *page.next_token;
  }
}

// Whether the same request may well succeed a moment later.
bool is_worth_retrying(const Error& error);

// "NoSuchBucket: The specified bucket does not exist (request 4442587FB7D0A2F9)", or what else went wrong.
std::string describe(const Error& error);

}  // namespace hearth::cli
