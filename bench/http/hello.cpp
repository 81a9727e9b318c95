// The floor for an HTTP server on this stack: Boost.Beast with coroutines, one thread, every request answered with the
// same small body. bench_hello PORT
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdlib>
#include <exception>

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Socket = asio::use_awaitable_t<>::as_default_on_t<asio::ip::tcp::socket>;
using Acceptor = asio::use_awaitable_t<>::as_default_on_t<asio::ip::tcp::acceptor>;

static asio::awaitable<void> serve(Socket socket) {
  boost::beast::flat_buffer buffer;
  try {
    socket.set_option(asio::ip::tcp::no_delay(true));
    for (;;) {
      http::request<http::string_body> request;
      co_await http::async_read(socket, buffer, request);
      http::response<http::string_body> response(http::status::ok, request.version());
      response.set(http::field::content_type, "text/plain");
      response.keep_alive(request.keep_alive());
      response.body() = "hello\n";
      response.prepare_payload();
      co_await http::async_write(socket, response);
    }
  } catch (const std::exception&) {
    // The client has left.
  }
}

static asio::awaitable<void> accept_forever(Acceptor acceptor) {
  for (;;) {
    auto socket = co_await acceptor.async_accept();
    asio::co_spawn(acceptor.get_executor(), serve(Socket(std::move(socket))), asio::detached);
  }
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  asio::io_context context(1);
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  Acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), port});
  asio::co_spawn(context, accept_forever(std::move(acceptor)), asio::detached);
  context.run();
}
