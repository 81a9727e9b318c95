// Any bytes on a connection to the real server, over loopback, until it has answered and closed. The handler sees only
// heads within what http/server.h promises, reads the body, and answers with its length. It must neither crash nor
// hang; a connection that is still open after ten seconds, though its client will send no more, counts as hanging.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/server.h"

using namespace hearth;

namespace {

Async<http::Response> count_body(http::Request& request) {
  if (request.method.empty() || !request.path.starts_with('/')) std::abort();
  for (const http::Header& field : request.headers)
    if (field.name.empty() || field.value.find_first_of("\r\n") != field.value.npos) std::abort();
  std::size_t body_bytes = request.body.size();
  std::string piece(4096, '\0');
  while (request.stream) {
    CO_TRY(const std::size_t count, co_await request.stream->read(piece));
    if (count == 0) break;
    body_bytes += count;
  }
  http::Response response;
  response.headers.add("Content-Type", "text/plain");
  response.body = std::to_string(body_bytes);
  co_return response;
}

int port_of_server() {
  static http::Server* const server = [] {  // lives until the process ends: libFuzzer leaves by exit()
    http::ServerOptions options;
    options.thread_count = 1;
    options.head_bytes_max = 4096;
    auto* started = new http::Server(options, &count_body);
    if (!started->listen("127.0.0.1", 0)) std::abort();
    return started;
  }();
  return server->port();
}

// Null descriptor work is not interesting here: anything the machine refuses ends the run.
int connect_to_server() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port_of_server()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::abort();
  return fd;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int patience_ms = 10'000;
  const int fd = connect_to_server();
  (void)::send(fd, data, size, MSG_NOSIGNAL);  // the server may have closed already
  ::shutdown(fd, SHUT_WR);
  char answer[4096];
  for (;;) {
    pollfd waiting{fd, POLLIN, 0};
    if (::poll(&waiting, 1, patience_ms) == 0) std::abort();
    if (::recv(fd, answer, sizeof answer, 0) <= 0) break;
  }
  const linger reset{1, 0};  // no TIME_WAIT: a run opens more connections than there are ports
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  ::close(fd);
  return 0;
}
