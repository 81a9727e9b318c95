#include "http/client.h"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/buffers_suffix.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "http/asio_await.h"
#include "http/name_lookups.h"

namespace hearth::http {
namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;

namespace {

using ResponseParser = beast::http::response_parser<beast::http::buffer_body>;
using PlainStream = beast::tcp_stream;
using TlsStream = asio::ssl::stream<beast::tcp_stream>;

struct Connection {
  std::variant<std::unique_ptr<PlainStream>, std::unique_ptr<TlsStream>> stream;
  beast::flat_buffer buffer;
  std::string pool_key;
  bool is_reused = false;

  PlainStream& lowest() {
    if (auto* plain = std::get_if<std::unique_ptr<PlainStream>>(&stream)) return **plain;
    return beast::get_lowest_layer(*std::get<std::unique_ptr<TlsStream>>(stream));
  }
  template <class F>
  auto visit(F f) {
    return std::visit([&](auto& s) { return f(*s); }, stream);
  }
};
using ConnectionPtr = std::shared_ptr<Connection>;

// Who awaits a call, as the client's thread sees it. It may go when it likes, and its executor with it: from then on
// nothing is posted there.
class Caller {
 public:
  explicit Caller(Executor* home) : home_(home) {}
  Executor* home() const { return home_; }  // null: a plain thread
  // Later, where the caller runs; false: it has gone.
  bool post(std::move_only_function<void()> work) {
    std::lock_guard lock(mutex_);
    if (!is_gone_) home_->post(std::move(work));
    return !is_gone_;
  }
  void leave() {
    {
      std::lock_guard lock(mutex_);
      is_gone_ = true;
    }
    given_up_->cancel();
  }
  bool is_gone() const {
    std::lock_guard lock(mutex_);
    return is_gone_;
  }
  Cancellation* given_up() const { return given_up_.get(); }

 private:
  Executor* const home_;
  const std::shared_ptr<Cancellation> given_up_ = std::make_shared<Cancellation>();
  mutable std::mutex mutex_;
  bool is_gone_ = false;
};

bool may_connect_to(const MayReach& may_reach, tcp::endpoint endpoint) {
  if (!may_reach) return true;
  asio::ip::address address = endpoint.address();
  if (address.is_v6()) address = asio::ip::address_v6(address.to_v6().to_bytes());  // without its scope
  return may_reach(address.to_string(), endpoint.port());
}

}  // namespace

struct Client::Impl : std::enable_shared_from_this<Client::Impl> {
  explicit Impl(ClientOptions o) : options(std::move(o)) {}

  const ClientOptions options;
  asio::io_context context{1};
  IoExecutor executor{context};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  NameLookups names{context, options.resolve};
  std::optional<asio::ssl::context> tls;           // touched on our own thread only, use tls_context()
  std::multimap<std::string, ConnectionPtr> idle;  // touched on our own thread only
  std::thread thread;

  Async<Response> run(Url target, Request request, milliseconds connect_timeout, milliseconds idle_timeout,
                      std::shared_ptr<Cancellation> cancellation, std::shared_ptr<Caller> caller, MayReach may_reach);
  // Closes the connection when cancelled: whatever waits on it ends.
  Cancellation::Registration close_when_cancelled(Cancellation* cancellation, const ConnectionPtr& connection) {
    if (!cancellation) return {};
    return cancellation->on_cancel([impl = weak_from_this(), connection = std::weak_ptr(connection)] {
      if (const auto self = impl.lock())
        asio::post(self->context, [connection] {
          if (const auto open = connection.lock()) open->lowest().close();
        });
    });
  }
  asio::ssl::context& tls_context();
  Async<ConnectionPtr> connect(const Url& target, milliseconds timeout, const MayReach& may_reach);
  Async<void> write_request(Connection& connection, Request& request, milliseconds idle_timeout, Caller& caller);
  Async<std::size_t> read_at_home(ByteSource& source, std::span<char> into, Caller& caller);

  void keep(ConnectionPtr connection) {
    constexpr std::size_t idle_count_max = 64;
    if (idle.size() >= idle_count_max) idle.erase(idle.begin());
    idle.emplace(connection->pool_key, std::move(connection));
  }
  ConnectionPtr take_idle(const std::string& key, const MayReach& may_reach) {
    for (auto [it, end] = idle.equal_range(key); it != end;) {
      // Another call may have been allowed more, or found another address under the same name.
      boost::system::error_code gone;
      const tcp::endpoint peer = it->second->lowest().socket().remote_endpoint(gone);
      if (!gone && !may_connect_to(may_reach, peer)) {
        ++it;
        continue;
      }
      ConnectionPtr connection = std::move(it->second);
      it = idle.erase(it);
      // Closed by the peer while it was idle?
      char byte;
      const ssize_t n = ::recv(connection->lowest().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        connection->is_reused = true;
        return connection;
      }
    }
    return nullptr;
  }
};

namespace {

Error io_error(const boost::system::error_code& error, std::string_view what) {
  const bool is_timeout = error == beast::error::timeout;
  return Error(is_timeout ? ErrorKind::unavailable : ErrorKind::cancelled,
               std::string(what) + (is_timeout ? ": no answer in time" : ": the connection broke"), error.message());
}

// `timeout` is for silence: it begins anew with every piece that leaves.
template <class Buffers>
Async<void> write_all(Connection& connection, Buffers buffers, milliseconds timeout) {
  beast::buffers_suffix<Buffers> left(buffers);
  while (asio::buffer_size(left) > 0) {
    connection.lowest().expires_after(timeout);
    const IoResult r = co_await asio_await(
        [&](auto done) { connection.visit([&](auto& stream) { stream.async_write_some(left, std::move(done)); }); });
    if (r.error) co_return io_error(r.error, "sending the request");
    left.consume(r.count);
  }
  co_return ok;
}

// Runs a task on the client's thread and comes back to where it was awaited. Destroying this early, on the awaiter's
// own executor, is safe: the task holds all it works on, the caller has left, and the result is dropped.
template <class T>
class OnClientThread {
  struct Crossing {
    Async<T> task;
    std::shared_ptr<Caller> caller;
    std::optional<Result<T>> result;  // written on the client's thread before it posts to the awaiter
  };

 public:
  OnClientThread(asio::io_context& context, Async<T> task, std::shared_ptr<Caller> caller)
      : context_(context), crossing_(std::make_shared<Crossing>(std::move(task), std::move(caller))) {}
  OnClientThread(const OnClientThread&) = delete;
  OnClientThread& operator=(const OnClientThread&) = delete;
  ~OnClientThread() {
    if (!has_resumed_) crossing_->caller->leave();
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    asio::post(context_, [crossing = crossing_, awaiter] {
      start(std::move(crossing->task), [crossing, awaiter](Result<T> result) {
        crossing->result.emplace(std::move(result));
        if (!crossing->caller->home()) return awaiter.resume();
        (void)crossing->caller->post([crossing, awaiter] {
          if (!crossing->caller->is_gone()) awaiter.resume();
        });
      });
    });
  }
  Result<T> await_resume() {
    has_resumed_ = true;
    return *std::move(crossing_->result);
  }

 private:
  asio::io_context& context_;
  std::shared_ptr<Crossing> crossing_;
  bool has_resumed_ = false;
};

// A response's connection, and where its body has been read to. Shared with a read in flight, which may outlive the
// ResponseBody.
struct BodyReader {
  std::shared_ptr<Client::Impl> impl;
  ConnectionPtr connection;
  std::unique_ptr<ResponseParser> parser;
  milliseconds idle_timeout;
  Cancellation::Registration closing;
  bool reached_end = false;

  Async<std::size_t> read(std::span<char> into) {
    while (!parser->is_done()) {
      auto& body = parser->get().body();
      body.data = into.data();
      body.size = into.size();
      body.more = true;
      connection->lowest().expires_after(idle_timeout);
      const IoResult r = co_await asio_await([&](auto done) {
        connection->visit(
            [&](auto& stream) { beast::http::async_read_some(stream, connection->buffer, *parser, std::move(done)); });
      });
      const std::size_t count = into.size() - body.size;
      if (count > 0) {
        if (parser->is_done()) reached_end = true;
        co_return count;
      }
      if (r.error == beast::http::error::end_of_stream && !parser->content_length() && !parser->chunked())
        break;  // ends with the connection
      if (r.error && r.error != beast::http::error::need_buffer) co_return io_error(r.error, "reading the answer");
    }
    reached_end = true;
    connection->lowest().expires_never();
    co_return std::size_t{0};
  }
};

// For an awaiter elsewhere: into memory of its own, since the awaiter may be gone when the bytes come.
Async<std::string> read_piece(std::shared_ptr<BodyReader> reader, std::size_t bytes_max) {
  constexpr std::size_t piece_bytes = 64 << 10;
  std::string piece(std::min(bytes_max, piece_bytes), '\0');
  CO_TRY(const std::size_t count, co_await reader->read(piece));
  piece.resize(count);
  co_return piece;
}

class ResponseBody final : public ByteSource {
 public:
  explicit ResponseBody(std::shared_ptr<BodyReader> reader) : reader_(std::move(reader)) {
    const ResponseParser& parser = *reader_->parser;
    if (!parser.is_done() && !parser.chunked())
      if (const auto left = parser.content_length_remaining()) length_left_ = *left;
    if (parser.is_done()) length_left_ = 0;
  }
  ~ResponseBody() override {
    reader_->closing = {};  // from here on the connection may be another request's
    // Sockets belong to the client's thread.
    // What waits in their queue must not keep the client, which owns the queue.
    const std::shared_ptr<Client::Impl> impl = std::move(reader_->impl);
    asio::post(impl->context, [impl = impl.get(), reader = reader_] {
      if (reader->reached_end && reader->parser->keep_alive())
        impl->keep(std::move(reader->connection));
      else
        reader->connection->lowest().close();  // a read that nobody waits for ends by this
    });
  }
  std::optional<std::uint64_t> remaining() const override { return length_left_; }
  Async<std::size_t> read(std::span<char> into) override {
    std::size_t count = 0;
    if (Executor::current() == &reader_->impl->executor) {
      CO_TRY(count, co_await reader_->read(into));
    } else {
      OnClientThread<std::string> reading(reader_->impl->context, read_piece(reader_, into.size()),
                                          std::make_shared<Caller>(Executor::current()));
      CO_TRY(const std::string piece, co_await reading);
      count = piece.copy(into.data(), into.size());
    }
    if (length_left_) *length_left_ -= std::min<std::uint64_t>(count, *length_left_);
    co_return count;
  }

 private:
  std::shared_ptr<BodyReader> reader_;
  std::optional<std::uint64_t> length_left_;
};

}  // namespace

Client::Client(ClientOptions options) : impl_(std::make_shared<Impl>(std::move(options))) {
  impl_->thread = std::thread([impl = impl_.get()] {
    pthread_setname_np(pthread_self(), "http-client");
    Executor::set_current(&impl->executor);
    impl->context.run();
  });
}

Client::~Client() {
  impl_->work.reset();
  impl_->context.stop();
  impl_->thread.join();
  impl_->idle.clear();
}

// Made for the first https address: the system's certificates take longer to read than all else at the start of a
// process that may never need them.
asio::ssl::context& Client::Impl::tls_context() {
  if (tls) return *tls;
  tls.emplace(asio::ssl::context::tls_client);
  boost::system::error_code ignored;
  tls->set_default_verify_paths(ignored);
  if (!options.ca_file.empty()) tls->load_verify_file(options.ca_file, ignored);
  tls->set_verify_mode(options.verify_certificates ? asio::ssl::verify_peer : asio::ssl::verify_none);
  SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
  return *tls;
}

Async<ConnectionPtr> Client::Impl::connect(const Url& target, milliseconds timeout, const MayReach& may_reach) {
  const auto unreachable = [&](const boost::system::error_code& error) {
    return Error(ErrorKind::unavailable, "cannot connect to " + target.authority() + ": " + error.message());
  };
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  // Numeric addresses need no resolver, and with it no thread.
  NameLookups::Addresses addresses;
  boost::system::error_code error;
  const std::string name = target.host == "localhost" ? "127.0.0.1" : target.host;
  if (const auto address = asio::ip::make_address(name, error); !error) {
    addresses.push_back(address);
  } else {
    auto found = co_await names.look_up(name, deadline);
    if (!found)
      co_return Error(ErrorKind::unavailable,
                      "cannot connect to " + target.authority() + ": " + found.error().message());
    addresses = *std::move(found);
  }
  std::vector<tcp::endpoint> endpoints;
  for (const auto& address : addresses)
    if (const tcp::endpoint endpoint(address, static_cast<unsigned short>(target.port));
        may_connect_to(may_reach, endpoint))
      endpoints.push_back(endpoint);
  if (endpoints.empty())
    co_return Error(ErrorKind::denied, target.authority() + " is at an address that may not be called");
  auto connection = std::make_shared<Connection>();
  connection->pool_key = target.scheme + "://" + target.authority();
  auto plain = std::make_unique<PlainStream>(context);
  plain->expires_at(deadline);
  const IoResult connected = co_await asio_await([&](auto done) {
    plain->async_connect(endpoints, [done = std::move(done)](auto e, const auto&) mutable { done(e); });
  });
  if (connected.error) co_return unreachable(connected.error);
  plain->socket().set_option(tcp::no_delay(true), error);
  if (target.scheme == "http") {
    connection->stream = std::move(plain);
    co_return connection;
  }
  auto secure = std::make_unique<TlsStream>(std::move(*plain), tls_context());
  SSL_set_tlsext_host_name(secure->native_handle(), target.host.c_str());
  if (options.verify_certificates) secure->set_verify_callback(asio::ssl::host_name_verification(target.host));
  beast::get_lowest_layer(*secure).expires_after(timeout);
  const IoResult shaken =
      co_await asio_await([&](auto done) { secure->async_handshake(asio::ssl::stream_base::client, std::move(done)); });
  if (shaken.error) co_return unreachable(shaken.error);
  connection->stream = std::move(secure);
  co_return connection;
}

// Whatever cannot stand where it is put would end the line, and begin a header or a request of its own.
Result<void> check_request(const Request& request) {
  const auto is_visible = [](char c) { return c > ' ' && c < 0x7f; };
  const auto is_token = [&](std::string_view text) {
    constexpr std::string_view separators = "()<>@,;:\\\"/[]?={}";
    return !text.empty() && std::ranges::all_of(text, [&](char c) { return is_visible(c) && !separators.contains(c); });
  };
  const auto is_value = [](std::string_view text) {
    return std::ranges::none_of(text, [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; });
  };
  if (!is_token(request.method)) return Error(ErrorKind::invalid, "not a method of HTTP: " + request.method);
  if (!request.path.starts_with('/') || !std::ranges::all_of(request.path, is_visible) ||
      !std::ranges::all_of(request.query, is_visible))
    return Error(ErrorKind::invalid, "not a path and query of a URL: " + request.path + "?" + request.query);
  for (const Header& field : request.headers)
    if (!is_token(field.name) || !is_value(field.value))
      return Error(ErrorKind::invalid, "not a header of HTTP: " + field.name);
  return ok;
}

// The caller's source may use what only its own thread touches, and may go with the caller.
Async<std::size_t> Client::Impl::read_at_home(ByteSource& source, std::span<char> into, Caller& caller) {
  if (!caller.home() || caller.home() == &executor) co_return co_await source.read(into);
  Result<std::size_t> count = Error(ErrorKind::cancelled, "nobody waits any more");
  auto reading = suspend([&](auto resume) {
    auto shared_resume = std::make_shared<decltype(resume)>(std::move(resume));
    const bool is_posted = caller.post([&, shared_resume] {
      if (caller.is_gone()) return (*shared_resume)();
      start(source.read(into), [&count, shared_resume](Result<std::size_t> r) {
        count = std::move(r);
        (*shared_resume)();
      });
    });
    if (!is_posted) (*shared_resume)();
  });
  co_await reading;
  co_return count;
}

Async<void> Client::Impl::write_request(Connection& connection, Request& request, milliseconds idle_timeout,
                                        Caller& caller) {
  const auto length = request.stream ? request.stream->remaining() : std::optional<std::uint64_t>(request.body.size());
  std::string head =
      request.method + " " + request.path + (request.query.empty() ? "" : "?" + request.query) + " HTTP/1.1\r\n";
  for (const Header& field : request.headers) head += field.name + ": " + field.value + "\r\n";
  const bool may_omit_length = !request.stream && request.body.empty() &&
                               (request.method == "GET" || request.method == "HEAD" || request.method == "DELETE");
  if (!length)
    head += "Transfer-Encoding: chunked\r\n";
  else if (!request.headers.contains("content-length") && !may_omit_length)
    head += "Content-Length: " + std::to_string(*length) + "\r\n";
  head += "\r\n";
  constexpr std::size_t piece_bytes = 256 << 10;
  if (!request.stream) {
    const std::array<asio::const_buffer, 2> both = {asio::buffer(head), asio::buffer(request.body)};
    CO_TRY_DO(co_await write_all(connection, both, idle_timeout));
    co_return ok;
  }
  CO_TRY_DO(co_await write_all(connection, asio::buffer(head), idle_timeout));
  std::string piece(piece_bytes, '\0');
  for (;;) {
    CO_TRY(const std::size_t count, co_await read_at_home(*request.stream, piece, caller));
    if (!length) {
      std::string chunk_head = count ? "" : "0\r\n\r\n";
      if (count) {
        char size[24];
        chunk_head.assign(size, static_cast<std::size_t>(snprintf(size, sizeof size, "%zx\r\n", count)));
      }
      const std::array<asio::const_buffer, 3> chunk = {asio::buffer(chunk_head), asio::buffer(piece.data(), count),
                                                       asio::buffer("\r\n", count ? 2 : 0)};
      CO_TRY_DO(co_await write_all(connection, chunk, idle_timeout));
    } else if (count) {
      CO_TRY_DO(co_await write_all(connection, asio::buffer(piece.data(), count), idle_timeout));
    }
    if (count == 0) co_return ok;
  }
}

Async<Response> Client::Impl::run(Url target, Request request, milliseconds connect_timeout, milliseconds idle_timeout,
                                  std::shared_ptr<Cancellation> cancellation, std::shared_ptr<Caller> caller,
                                  MayReach may_reach) {
  if (!request.headers.contains("host")) request.headers.add("Host", target.authority());
  CO_TRY_DO(check_request(request));
  const std::string key = target.scheme + "://" + target.authority();
  const bool is_head = request.method == "HEAD";
  for (bool may_retry = true;; may_retry = false) {
    if ((cancellation && cancellation->is_cancelled()) || caller->is_gone())
      co_return Error(ErrorKind::cancelled, "nobody waits any more");
    ConnectionPtr connection = may_retry ? take_idle(key, may_reach) : nullptr;
    if (!connection) {
      CO_TRY(connection, co_await connect(target, connect_timeout, may_reach));
    }
    auto closing = close_when_cancelled(cancellation.get(), connection);
    const auto closing_without_caller = close_when_cancelled(caller->given_up(), connection);
    const bool replayable = connection->is_reused && !request.stream;
    Result<void> written = co_await write_request(*connection, request, idle_timeout, *caller);
    if (!written && replayable && may_retry) continue;
    // A server may refuse a large body by answering before it was read: look for that answer.
    const bool write_failed = !written;
    auto parser = std::make_unique<ResponseParser>();
    parser->header_limit(static_cast<std::uint32_t>(options.head_bytes_max));
    parser->body_limit(boost::none);
    parser->skip(is_head);
    connection->lowest().expires_after(write_failed ? milliseconds(200) : idle_timeout);
    for (;;) {
      const IoResult r = co_await asio_await([&](auto done) {
        connection->visit([&](auto& stream) {
          beast::http::async_read_header(stream, connection->buffer, *parser, std::move(done));
        });
      });
      if (r.error) {
        if (write_failed) co_return std::move(written).error();
        if (replayable && may_retry && r.error != beast::error::timeout) break;
        co_return io_error(r.error, "waiting for the answer of " + target.authority());
      }
      if (parser->get().result_int() >= 200 || parser->get().result_int() == 101) break;
      parser = std::make_unique<ResponseParser>();
      parser->header_limit(static_cast<std::uint32_t>(options.head_bytes_max));
      parser->body_limit(boost::none);
      parser->skip(is_head);
    }
    if (!parser->is_header_done()) continue;
    Response response;
    response.status = static_cast<int>(parser->get().result_int());
    for (const auto& field : parser->get())
      response.headers.add({field.name_string().data(), field.name_string().size()}, std::string(field.value()));
    response.stream = std::make_unique<ResponseBody>(std::make_shared<BodyReader>(
        shared_from_this(), std::move(connection), std::move(parser), idle_timeout, std::move(closing)));
    co_return response;
  }
}

Async<Response> Client::send(const Url& target, Request request) {
  co_return co_await send(target, std::move(request), impl_->options.connect_timeout, impl_->options.idle_timeout);
}

Async<Response> Client::send(const Url& target, Request request, milliseconds connect_timeout,
                             milliseconds idle_timeout, std::shared_ptr<Cancellation> cancellation,
                             MayReach may_reach) {
  const auto caller = std::make_shared<Caller>(Executor::current());
  auto running = impl_->run(target, std::move(request), connect_timeout, idle_timeout, std::move(cancellation), caller,
                            std::move(may_reach));
  OnClientThread<Response> crossing(impl_->context, std::move(running), caller);
  co_return co_await crossing;
}

}  // namespace hearth::http
