// HTTP/1.1 server, plain or TLS. One I/O thread and one event loop per core; handlers are coroutines that run on the
// loop their connection belongs to, so they never block (offload() does). Bodies stream both ways with back-pressure.
// Bad requests are answered and closed here; a handler sees only well-formed heads within the limits. A client that is
// answered before it has sent its whole body can finish reading the answer: the connection lingers.
// https://www.rfc-editor.org/rfc/rfc9112
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/async.h"
#include "http/message.h"

namespace hearth::http {

using Handler = std::function<Async<Response>(Request&)>;

struct ServerOptions {
  std::size_t thread_count = 0;  // 0: one per core
  std::size_t head_bytes_max = 64 << 10;
  std::size_t connection_count_max = 8192;           // further ones are answered 503 and closed
  std::chrono::milliseconds head_timeout{15'000};    // from the first wait for a head to its last byte
  std::chrono::milliseconds idle_timeout{60'000};    // keep-alive, and between pieces of a body in either direction
  std::chrono::milliseconds linger_timeout{10'000};  // how long an answered client may go on sending what nobody reads
  std::chrono::milliseconds drain_timeout{5'000};    // how long stop() lets requests in flight finish
  std::string tls_certificate_file, tls_key_file;    // PEM; both or neither
  // Gives the answers that no handler makes (a head that cannot be read, too many connections) what every answer of
  // this program has: a request id. Called on any I/O thread; may be empty.
  std::function<void(Response&)> complete_refusal;
};

class Server {
 public:
  // Throws std::runtime_error when the TLS files cannot be used.
  Server(ServerOptions options, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes the address: who connects from now on waits for serve(). Port 0 takes a free one; port() tells.
  // ErrorKind::unavailable with a sentence when the address cannot be had.
  Result<void> bind(const std::string& host, int port);
  int port() const;
  // From now on connections are accepted, also those through what is adopted, before or after.
  void serve();
  // bind() and serve().
  Result<void> listen(const std::string& host, int port);

  // Serves a TCP socket that already listens (one made inside a network namespace) with a handler of its own, plain
  // HTTP. Owns the descriptor, also when it cannot serve it. `tag` names it for release().
  Result<void> adopt(int listening_fd, Handler handler, std::string tag);
  // Closes what was adopted under `tag` and its idle connections. Requests in flight finish, and are the last ones of
  // their connections: `handler` sees no request whose head was read after this.
  void release(const std::string& tag);

  // Accepts nothing new, lets requests in flight finish within drain_timeout, joins the threads. Idempotent.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct CertificatePem {
  std::string certificate, key;
};
// A self-signed ECDSA P-256 certificate for these host names and addresses, good for ten years.
CertificatePem make_self_signed_certificate(const std::vector<std::string>& hosts);

}  // namespace hearth::http
