// HTTP/1.1 client, plain or TLS, with streaming bodies both ways and kept connections. Runs its sockets on one thread
// of its own; send() may be awaited on any executor or through sync_wait from a plain thread, and resumes where it was
// awaited. Safe from any thread. The client must outlive every response stream it gave. Whoever stops waiting (destroys
// the coroutine that awaits, where it runs) closes the connection by that.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/cancellation.h"
#include "base/time.h"
#include "base/url.h"
#include "http/message.h"

namespace hearth::http {

using hearth::parse_url;
using hearth::Url;

// The numeric addresses of a name. Runs on a thread of its own, and may block.
using Resolve = std::function<Result<std::vector<std::string>>(const std::string& name)>;

// Whether a numeric address (without the scope of an IPv6 one) may be connected to.
using MayReach = std::function<bool(const std::string& address, int port)>;

struct ClientOptions {
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds idle_timeout{60'000};  // longest silence in either direction
  std::size_t head_bytes_max = 64 << 10;
  bool verify_certificates = true;
  std::string ca_file;  // more roots than the system's
  Resolve resolve;      // empty: the system's resolver
};

class Client {
 public:
  explicit Client(ClientOptions options = {});
  ~Client();

  // Sends `request` to scheme://host:port. Host and Content-Length are added when missing; request.stream is sent
  // chunked when its length is unknown. Returns when the head of the answer is there; the body is response.stream
  // (never null). Destroying that stream early closes the connection. unavailable: cannot connect, or silent for too
  // long; cancelled: the peer broke off. Interim 1xx answers are skipped. Retrying is the caller's business, except
  // that a kept connection that turns out closed is replaced by a new one when the request has no stream. A
  // request.stream is read on the executor that send() was awaited on; for a plain thread, which waits meanwhile, it is
  // read on the client's, where a read() that blocks holds up the client's other calls.
  Async<Response> send(const Url& target, Request request);
  // `connect_timeout` counts from looking the name up. `cancellation`: once cancelled, the connection closes, and the
  // call or the reading of its answer ends in ErrorKind::cancelled. `may_reach` is asked, on the client's thread, about
  // every address that the host turns out to be; where it takes none, the call is denied and nothing was connected to.
  Async<Response> send(const Url& target, Request request, std::chrono::milliseconds connect_timeout,
                       std::chrono::milliseconds idle_timeout, std::shared_ptr<Cancellation> cancellation = nullptr,
                       MayReach may_reach = nullptr);

  struct Impl;  // in client.cpp

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace hearth::http
