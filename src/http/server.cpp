#include "http/server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/sendfile.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/buffers_suffix.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/log.h"
#include "base/time.h"
#include "http/asio_await.h"

namespace hearth::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;
using RequestParser = beast::http::request_parser<beast::http::buffer_body>;

constexpr std::size_t body_read_bytes = 64 << 10;  // Beast reads no more at once
constexpr std::size_t stream_piece_bytes = 128 << 10;
constexpr std::size_t unread_body_drain_max = 256 << 10;
constexpr std::size_t sendfile_piece_bytes = 1 << 20;
constexpr std::size_t linger_bytes_max = 64 << 20;
constexpr std::chrono::milliseconds linger_silence_max{2'000};
// Connections beyond connection_count_max that are told so; what comes on top of them is only closed.
constexpr std::size_t refused_count_max = 256;

struct Loop {
  asio::io_context context{1};
  IoExecutor executor{context};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread;
};

// What all connections through one listening socket share.
struct Door {
  Handler handler;
  std::atomic<bool> released = false;
};

class ConnectionBase {
 public:
  explicit ConnectionBase(std::shared_ptr<const Door> door) : door_(std::move(door)) {}
  virtual ~ConnectionBase() = default;
  const Door* door() const { return door_.get(); }
  // Closes now if nothing is in flight; else after the answer. On the connection's own loop.
  virtual void begin_close() = 0;
  virtual void close_now() = 0;

 protected:
  const std::shared_ptr<const Door> door_;
};

// Connections of all loops, so that stop() can reach them.
class ConnectionSet {
 public:
  void add(ConnectionBase* connection, Loop* loop) {
    std::lock_guard lock(mutex_);
    connections_.emplace(connection, loop);
  }
  std::size_t size() {
    std::lock_guard lock(mutex_);
    return connections_.size();
  }
  void remove(ConnectionBase* connection) {
    std::lock_guard lock(mutex_);
    connections_.erase(connection);
    if (connections_.empty()) empty_.notify_all();
  }
  // Runs `action` for each connection (through `door`, if given) on its loop. A connection removes itself on that same
  // loop, so it is there or it is not.
  void for_each(void (ConnectionBase::*action)(), const Door* door = nullptr) {
    std::lock_guard lock(mutex_);
    for (const auto& [connection, loop] : connections_)
      if (!door || connection->door() == door)
        asio::post(loop->context, [this, connection = connection, action] {
          if (contains(connection)) (connection->*action)();
        });
  }
  bool wait_empty(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return empty_.wait_for(lock, timeout, [this] { return connections_.empty(); });
  }

 private:
  bool contains(ConnectionBase* connection) {
    std::lock_guard lock(mutex_);
    return connections_.contains(connection);
  }
  std::mutex mutex_;
  std::condition_variable empty_;
  std::map<ConnectionBase*, Loop*> connections_;
};

struct Shared {
  ServerOptions options;
  ConnectionSet connections;
  std::atomic<bool> stopping = false;
  std::optional<asio::ssl::context> tls;
};

// Awaits a task where only "it worked and said true" matters.
struct Succeeds {
  Async<bool> task;
  bool await_ready() const noexcept { return task.await_ready(); }
  auto await_suspend(std::coroutine_handle<> awaiter) noexcept { return task.await_suspend(awaiter); }
  bool await_resume() {
    const Result<bool> result = task.await_resume();
    return result && *result;
  }
};

template <class Stream>
class Connection;

// The body of the request being handled. Lives no longer than its connection's run().
template <class Stream>
class RequestBody final : public ByteSource {
 public:
  explicit RequestBody(std::weak_ptr<Connection<Stream>*> connection) : connection_(std::move(connection)) {}
  Async<std::size_t> read(std::span<char> into) override;
  std::optional<std::uint64_t> remaining() const override;

 private:
  // The connection clears this when the request is over: a handler that kept the body reads an error, not freed memory.
  std::weak_ptr<Connection<Stream>*> connection_;
};

template <class Stream>
class Connection final : public ConnectionBase, public std::enable_shared_from_this<Connection<Stream>> {
  static constexpr bool is_tls = !std::is_same_v<Stream, beast::tcp_stream>;

 public:
  Connection(Stream stream, Shared& shared, std::shared_ptr<const Door> door)
      : ConnectionBase(std::move(door)),
        stream_(std::move(stream)),
        shared_(shared),
        send_timer_(stream_.get_executor()),
        watch_timer_(stream_.get_executor()) {
    boost::system::error_code ignored;
    beast::get_lowest_layer(stream_).socket().set_option(tcp::no_delay(true), ignored);
    const auto peer = beast::get_lowest_layer(stream_).socket().remote_endpoint(ignored);
    if (!ignored) peer_address_ = peer.address().to_string();
  }
  ~Connection() override { shared_.connections.remove(this); }

  void begin() {
    start(run(), [self = this->shared_from_this()](Result<void>) {});
  }
  void begin_close() override {
    if (idle_) close_now();
  }
  void close_now() override {
    boost::system::error_code ignored;
    beast::get_lowest_layer(stream_).socket().shutdown(tcp::socket::shutdown_both, ignored);
    beast::get_lowest_layer(stream_).close();
  }

  Async<std::size_t> read_body(std::span<char> into) {
    if (expects_continue_) {
      expects_continue_ = false;
      static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      CO_TRY_DO(co_await write(asio::buffer(go_on)));
    }
    if (const std::optional<std::uint64_t> left = bytes_past_parser(into.size())) {
      const auto wanted = asio::buffer(into.data(), std::min<std::uint64_t>(into.size(), *left));
      set_timeout(shared_.options.idle_timeout);
      const IoResult r = co_await asio_await([&](auto done) { stream_.async_read_some(wanted, std::move(done)); });
      read_past_parser_ += r.count;
      if (r.count > 0) co_return r.count;
      co_return lost_body(r.error);
    }
    // Beast reads as much as its buffer has room for, and 512 bytes if there is none.
    if (body_remaining().value_or(body_read_bytes) > body_read_bytes / 4) buffer_.reserve(body_read_bytes);
    while (!is_body_done()) {
      auto& body = parser_->get().body();
      body.data = into.data();
      body.size = into.size();
      set_timeout(shared_.options.idle_timeout);
      const IoResult r = co_await asio_await(
          [&](auto done) { beast::http::async_read_some(stream_, buffer_, *parser_, std::move(done)); });
      const std::size_t count = into.size() - body.size;
      if (r.error && r.error != beast::http::error::need_buffer) co_return lost_body(r.error);
      if (count > 0) co_return count;
    }
    co_return std::size_t{0};
  }
  std::optional<std::uint64_t> body_remaining() const {
    if (parser_->is_done()) return 0;
    if (parser_->chunked()) return std::nullopt;
    const auto remaining = parser_->content_length_remaining();
    return remaining ? std::optional<std::uint64_t>(*remaining - read_past_parser_) : std::nullopt;
  }

 private:
  // Whoever has room for a large piece of a body of known length gets it from the socket: Beast would copy it, and ask
  // the kernel more often. Null: the parser is to be asked. Once past it a body is read to its end so.
  std::optional<std::uint64_t> bytes_past_parser(std::size_t room) const {
    constexpr std::size_t room_min = 128 << 10;
    if (parser_->is_done() || parser_->chunked() || buffer_.size() > 0) return std::nullopt;
    const std::uint64_t left = body_remaining().value_or(0);
    if (left == 0 || (read_past_parser_ == 0 && room < room_min)) return std::nullopt;
    return left;
  }
  bool is_body_done() const {
    return parser_->is_done() || (read_past_parser_ > 0 && body_remaining() == std::uint64_t{0});
  }
  Error lost_body(boost::system::error_code error) {
    failed_ = true;
    const bool is_timeout = error == beast::error::timeout;
    return Error(is_timeout ? ErrorKind::unavailable : ErrorKind::cancelled,
                 is_timeout ? "the request body came too slowly" : "the connection ended before the body did",
                 error.message());
  }

  Async<void> run() {
    if constexpr (is_tls) {
      set_timeout(shared_.options.head_timeout);
      const IoResult r = co_await asio_await(
          [&](auto done) { stream_.async_handshake(asio::ssl::stream_base::server, std::move(done)); });
      if (r.error) co_return ok;
    }
    while (!is_closing()) {
      CO_TRY(const bool go_on, co_await serve_one());
      if (!go_on) break;
    }
    if constexpr (is_tls) {
      set_timeout(std::chrono::seconds(2));
      co_await asio_await([&](auto done) { stream_.async_shutdown(std::move(done)); });
    }
    boost::system::error_code ignored;
    beast::get_lowest_layer(stream_).socket().shutdown(tcp::socket::shutdown_send, ignored);
    if (lingers_) co_await linger();
    co_return ok;
  }
  bool is_closing() const { return shared_.stopping || door_->released; }

  // Closing while the client still sends would reset the connection, and a reset can overtake our answer or fail the
  // sending before the client looks for one (RFC 9112, 9.6). So take what comes, for a while, and throw it away.
  Succeeds linger() { return {discard_input()}; }
  Async<bool> discard_input() {
    idle_ = true;  // begin_close() need not wait
    auto& lowest = beast::get_lowest_layer(stream_);
    const auto until = std::chrono::steady_clock::now() + shared_.options.linger_timeout;
    piece_.resize(stream_piece_bytes);
    for (std::size_t total = 0; total < linger_bytes_max && !is_closing();) {
      const auto left = std::chrono::floor<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      if (left.count() <= 0) break;
      set_timeout(std::min(left, linger_silence_max));
      const IoResult r =
          co_await asio_await([&](auto done) { lowest.async_read_some(asio::buffer(piece_), std::move(done)); });
      if (r.error) break;
      total += r.count;
    }
    co_return true;
  }

  // One request and its answer. False: the connection is over.
  Async<bool> serve_one() {
    parser_.emplace();
    read_past_parser_ = 0;
    parser_->header_limit(static_cast<std::uint32_t>(shared_.options.head_bytes_max));
    parser_->body_limit(boost::none);
    idle_ = buffer_.size() == 0;
    if (idle_ && buffer_.capacity() >= body_read_bytes) buffer_.shrink_to_fit();  // what a large body needed
    set_timeout(idle_ ? shared_.options.idle_timeout : shared_.options.head_timeout);
    const IoResult head = co_await asio_await(
        [&](auto done) { beast::http::async_read_header(stream_, buffer_, *parser_, std::move(done)); });
    idle_ = false;
    if (head.error) {
      if (head.error.category() != beast::http::make_error_code(beast::http::error::bad_method).category())
        co_return false;
      if (head.error == beast::http::error::end_of_stream || head.error == beast::http::error::partial_message)
        co_return false;
      Response refusal;
      const bool too_large = head.error == beast::http::error::header_limit;
      refusal.status = too_large ? 431 : 400;
      refusal.headers.add("Content-Type", "text/plain");
      refusal.body = std::string(too_large ? "The request head is too large."
                                           : "The request is not valid HTTP/1.1: " + head.error.message()) +
                     "\n";
      refusal.close = true;
      if (shared_.options.complete_refusal) shared_.options.complete_refusal(refusal);
      lingers_ = co_await send(std::move(refusal), false, false);
      co_return false;
    }
    if (door_->released) co_return false;

    Request request;
    take_head(request);
    const bool is_head = request.method == "HEAD";
    const bool keep_alive = parser_->keep_alive();
    const bool is_http_1_0 = parser_->get().version() == 10;
    auto connection_handle = std::make_shared<Connection*>(this);
    if (!is_body_done()) {
      expects_continue_ = equal_ignoring_case(request.headers.get("expect"), "100-continue");
      request.stream = std::make_unique<RequestBody<Stream>>(connection_handle);
    }
    request.watch_client = [this] { return watch_client(); };

    Result<Response> answer = co_await door_->handler(request);
    Response response;
    if (answer) {
      response = std::move(*answer);
    } else {
      response.status = 500;
      response.body = "internal error\n";
      if (shared_.options.complete_refusal) shared_.options.complete_refusal(response);
      log::error("a handler failed without an answer",
                 {{"message", answer.error().message()}, {"detail", answer.error().detail()}});
    }
    // The body that is left would be read as the next request: take it, if it is short, or close.
    bool close = !keep_alive || response.close || failed_ || is_closing();
    if (!close && !is_body_done()) {
      if (expects_continue_)
        close = true;  // never asked for, so it never comes
      else
        close = body_remaining().value_or(0) > unread_body_drain_max || !co_await drain();
    }
    const bool is_body_unread = !is_body_done() && !failed_;
    connection_handle.reset();
    request.stream.reset();
    response.close = close;
    const bool sent = co_await send(std::move(response), is_head, is_http_1_0);
    stop_watching();
    lingers_ = sent && is_body_unread;
    co_return sent && !close;
  }

  // Waits for bytes beside whatever the handler waits for: after a whole request only the end of the connection or the
  // next request can come. Inside TLS the end looks like any other record: there the socket is asked twice a second
  // whether the other side has closed.
  std::shared_ptr<Cancellation> watch_client() {
    if (!client_left_) {
      client_left_ = std::make_shared<Cancellation>();
      if (is_body_done()) {
        if constexpr (is_tls)
          look_for_end();
        else
          watch_for_end();
      }
    }
    return client_left_;
  }
  void watch_for_end() {
    auto& socket = beast::get_lowest_layer(stream_).socket();
    socket.async_wait(tcp::socket::wait_read, [this, self = this->shared_from_this(),
                                               client_left = client_left_](boost::system::error_code error) {
      if (error || client_left != client_left_) return;  // the answer is sent
      char byte;
      const int fd = beast::get_lowest_layer(stream_).socket().native_handle();
      const ssize_t count = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (count > 0) return;  // the next request, sent ahead
      if (count < 0 && (errno == EAGAIN || errno == EINTR))
        watch_for_end();
      else
        client_left->cancel();
    });
  }
  void look_for_end() {
    watch_timer_.expires_after(std::chrono::milliseconds(500));
    watch_timer_.async_wait([this, self = this->shared_from_this(),
                             client_left = client_left_](boost::system::error_code error) {
      if (error || client_left != client_left_) return;  // the answer is sent
      pollfd socket{.fd = beast::get_lowest_layer(stream_).socket().native_handle(), .events = POLLRDHUP, .revents = 0};
      if (::poll(&socket, 1, 0) > 0)
        client_left->cancel();
      else
        look_for_end();
    });
  }
  void stop_watching() {
    if (!std::exchange(client_left_, nullptr)) return;
    watch_timer_.cancel();
    boost::system::error_code ignored;
    beast::get_lowest_layer(stream_).socket().cancel(ignored);
  }

  Async<bool> drain_body() {
    char scratch[16 << 10];
    std::size_t total = 0;
    while (!is_body_done()) {
      CO_TRY(const std::size_t count, co_await read_body(scratch));
      total += count;
      if (total > unread_body_drain_max) co_return false;
    }
    co_return true;
  }
  Succeeds drain() { return {drain_body()}; }

  void take_head(Request& request) {
    auto& head = parser_->get();
    request.method.assign(head.method_string());
    const std::string_view target(head.target().data(), head.target().size());
    const auto question = target.find('?');
    request.path = target.substr(0, question);
    if (question != target.npos) request.query = target.substr(question + 1);
    // Absolute form, as proxies send it: http://host/path
    if (!request.path.starts_with('/')) {
      const auto scheme = request.path.find("://");
      const auto slash = scheme == std::string::npos ? scheme : request.path.find('/', scheme + 3);
      request.path = slash == std::string::npos ? "/" : request.path.substr(slash);
    }
    request.headers.reserve(16);
    for (const auto& field : head)
      request.headers.add({field.name_string().data(), field.name_string().size()}, std::string(field.value()));
    request.peer_address = peer_address_;
    request.is_tls = is_tls;
  }

  static bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

  // False: the connection broke.
  Succeeds send(Response response, bool is_head, bool is_http_1_0) {
    return {send_response(std::move(response), is_head, is_http_1_0)};
  }

  Async<bool> send_response(Response response, bool is_head, bool is_http_1_0) {
    std::optional<std::uint64_t> length = response.stream ? response.stream->remaining() : response.body.size();
    const bool sends_body = !is_head && may_have_body(response.status);
    const bool chunked = sends_body && !length && !is_http_1_0;
    if (sends_body && !length && is_http_1_0) response.close = true;
    head_.clear();
    head_ += is_http_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ";
    head_ += std::to_string(response.status);
    head_ += ' ';
    head_ += reason_phrase(response.status);
    head_ += "\r\n";
    bool has_length = false, has_date = false;
    for (const Header& field : response.headers) {
      if (equal_ignoring_case(field.name, "content-length")) {
        if (sends_body || !may_have_body(response.status)) continue;  // counted below; only HEAD may say another length
        has_length = true;
      }
      has_date = has_date || equal_ignoring_case(field.name, "date");
      head_ += field.name;
      head_ += ": ";
      head_ += field.value;
      head_ += "\r\n";
    }
    if (!has_date) {
      head_ += "Date: ";
      head_ += http_date_now();
      head_ += "\r\n";
    }
    if (chunked) {
      head_ += "Transfer-Encoding: chunked\r\n";
    } else if (!has_length && length && may_have_body(response.status)) {
      head_ += "Content-Length: ";
      head_ += std::to_string(*length);
      head_ += "\r\n";
    }
    if (response.close)
      head_ += "Connection: close\r\n";
    else if (is_http_1_0)
      head_ += "Connection: keep-alive\r\n";
    head_ += "\r\n";

    if (!sends_body) {
      CO_TRY_DO(co_await write(asio::buffer(head_)));
      co_return true;
    }
    if (!response.stream) {
      const std::array<asio::const_buffer, 2> both = {asio::buffer(head_), asio::buffer(response.body)};
      CO_TRY_DO(co_await write(both));
      co_return true;
    }
    if constexpr (!is_tls) {
      if (const auto slice = response.stream->file_slice(); slice && length == slice->length) {
        CO_TRY_DO(co_await write(asio::buffer(head_), MSG_MORE));
        CO_TRY_DO(co_await send_file(*response.stream, *slice));
        co_return true;
      }
    }
    CO_TRY_DO(co_await write(asio::buffer(head_)));
    if (chunked) co_return co_await send_chunked(*response.stream);
    co_return co_await send_counted(*response.stream, *length);
  }

  Async<bool> send_counted(ByteSource& source, std::uint64_t length) {
    piece_.resize(stream_piece_bytes);
    while (length > 0) {
      CO_TRY(const std::size_t count,
             co_await source.read({piece_.data(), std::min<std::uint64_t>(piece_.size(), length)}));
      // Fewer bytes than the head promised: the client must see the answer break, not end.
      if (count == 0) co_return false;
      CO_TRY_DO(co_await write(asio::buffer(piece_.data(), count)));
      length -= count;
    }
    co_return true;
  }

  Async<bool> send_chunked(ByteSource& source) {
    piece_.resize(stream_piece_bytes);
    for (;;) {
      CO_TRY(const std::size_t count, co_await source.read(piece_));
      if (count == 0) break;
      char size_line[24];
      const int size = snprintf(size_line, sizeof size_line, "%zx\r\n", count);
      const std::array<asio::const_buffer, 3> chunk = {asio::buffer(size_line, static_cast<std::size_t>(size)),
                                                       asio::buffer(piece_.data(), count), asio::buffer("\r\n", 2)};
      CO_TRY_DO(co_await write(chunk));
    }
    static constexpr std::string_view last = "0\r\n\r\n";
    CO_TRY_DO(co_await write(asio::buffer(last)));
    co_return true;
  }

  Async<void> send_file(ByteSource& source, FileSlice slice) {
    auto& socket = beast::get_lowest_layer(stream_).socket();
    std::uint64_t fetched = 0;
    while (slice.length > 0) {
      if (fetched == 0) {
        CO_TRY(fetched, co_await source.fetch(slice));
      }
      auto offset = static_cast<off_t>(slice.offset);
      const ssize_t sent =
          ::sendfile(socket.native_handle(), slice.fd, &offset, std::min<std::uint64_t>(fetched, sendfile_piece_bytes));
      if (sent > 0) {
        fetched -= static_cast<std::uint64_t>(sent);
        slice.length -= static_cast<std::uint64_t>(sent);
        slice.offset += static_cast<std::uint64_t>(sent);
        continue;
      }
      if (sent < 0 && errno == EINTR) continue;
      if (sent == 0 || errno != EAGAIN)
        co_return Error(ErrorKind::cancelled, "the connection ended while a file was sent");
      CO_TRY_DO(co_await wait_writable());
    }
    co_return ok;
  }

  // The socket itself is waited for, which tcp_stream's timer does not know of: a client that stops reading is let go
  // by a timer of our own.
  Async<void> wait_writable() {
    auto& socket = beast::get_lowest_layer(stream_).socket();
    send_timer_.expires_after(shared_.options.idle_timeout);
    send_timer_.async_wait([this, self = this->shared_from_this()](boost::system::error_code cancelled) {
      // The wait may have ended while this was in the queue.
      if (cancelled || send_timer_.expiry() > std::chrono::steady_clock::now()) return;
      boost::system::error_code ignored;
      beast::get_lowest_layer(stream_).socket().cancel(ignored);
    });
    const IoResult r =
        co_await asio_await([&](auto done) { socket.async_wait(tcp::socket::wait_write, std::move(done)); });
    send_timer_.expires_at(asio::steady_timer::time_point::max());
    if (r.error) co_return Error(ErrorKind::cancelled, "the connection ended while a file was sent");
    co_return ok;
  }

  template <class Buffers>
  Async<void> write(Buffers buffers, int flags = 0) {
    if constexpr (!is_tls) {
      // Nearly every answer fits the socket buffer: try without a trip through the event loop.
      if (asio::buffer_size(buffers) <= (64 << 10) || flags) {
        std::array<iovec, 4> pieces{};
        std::size_t count = 0;
        for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers); ++it) {
          const asio::const_buffer piece(*it);
          if (piece.size()) pieces[count++] = {const_cast<void*>(piece.data()), piece.size()};
        }
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = count;
        const ssize_t sent = ::sendmsg(beast::get_lowest_layer(stream_).socket().native_handle(), &message,
                                       MSG_NOSIGNAL | MSG_DONTWAIT | flags);
        if (sent == static_cast<ssize_t>(asio::buffer_size(buffers))) co_return ok;
        if (sent > 0) {  // a part: copy the rest, which is rare and small
          std::string rest;
          for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers); ++it) {
            const asio::const_buffer piece(*it);
            rest.append(static_cast<const char*>(piece.data()), piece.size());
          }
          rest.erase(0, static_cast<std::size_t>(sent));
          co_return co_await write_all(asio::buffer(rest));
        }
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
          co_return Error(ErrorKind::cancelled, "the connection ended", std::strerror(errno));
      }
    }
    co_return co_await write_all(buffers);
  }
  // The timeout is for silence: it begins anew with every piece that leaves.
  template <class Buffers>
  Async<void> write_all(Buffers buffers) {
    beast::buffers_suffix<Buffers> left(buffers);
    while (asio::buffer_size(left) > 0) {
      set_timeout(shared_.options.idle_timeout);
      const IoResult r = co_await asio_await([&](auto done) { stream_.async_write_some(left, std::move(done)); });
      if (r.error) co_return Error(ErrorKind::cancelled, "the connection ended", r.error.message());
      left.consume(r.count);
    }
    co_return ok;
  }

  void set_timeout(std::chrono::milliseconds timeout) { beast::get_lowest_layer(stream_).expires_after(timeout); }

  static const std::string& http_date_now() {
    thread_local std::int64_t second = -1;
    thread_local std::string text;
    const TimePoint now = std::chrono::system_clock::now();
    if (const std::int64_t s = to_ms(now) / 1000; s != second) {
      second = s;
      text = format_http_date(now);
    }
    return text;
  }

  Stream stream_;
  Shared& shared_;
  std::string peer_address_;
  beast::flat_buffer buffer_;
  std::optional<RequestParser> parser_;
  std::string head_;
  std::string piece_;
  std::shared_ptr<Cancellation> client_left_;  // while a handler wants to know
  asio::steady_timer send_timer_, watch_timer_;
  std::uint64_t read_past_parser_ = 0;  // bytes of this body that the parser never saw
  bool expects_continue_ = false;
  bool failed_ = false;
  bool idle_ = true;
  bool lingers_ = false;
};

template <class Stream>
Async<std::size_t> RequestBody<Stream>::read(std::span<char> into) {
  const auto connection = connection_.lock();
  if (!connection) co_return Error(ErrorKind::cancelled, "the request is over");
  co_return co_await (*connection)->read_body(into);
}
template <class Stream>
std::optional<std::uint64_t> RequestBody<Stream>::remaining() const {
  const auto connection = connection_.lock();
  return connection ? (*connection)->body_remaining() : 0;
}

Async<Response> answer_too_many_connections(const ServerOptions& options) {
  Response response;
  response.status = 503;
  response.headers.add("Content-Type", "text/plain");
  response.headers.add("Retry-After", "1");
  response.body = "Too many connections are open.\n";
  response.close = true;
  if (options.complete_refusal) options.complete_refusal(response);
  co_return response;
}

}  // namespace

struct Server::Impl {
  struct Listener {
    Loop& loop;
    tcp::acceptor acceptor;
    asio::steady_timer retry_timer;
    std::shared_ptr<Door> door = std::make_shared<Door>();
    bool tls = false;
    Listener(Loop& l, Handler handler) : loop(l), acceptor(l.context), retry_timer(l.context) {
      door->handler = std::move(handler);
    }
    void close() {
      boost::system::error_code ignored;
      acceptor.close(ignored);
      retry_timer.cancel();
    }
  };

  Shared shared;
  const std::shared_ptr<const Door> full_door = make_full_door(shared);
  std::atomic<std::int64_t> full_logged_at_s = 0;
  Handler handler;
  std::vector<std::unique_ptr<Loop>> loops;
  std::atomic<std::size_t> next_loop = 0;
  std::mutex mutex;
  std::multimap<std::string, std::shared_ptr<Listener>> listeners;  // by tag; ours is ""
  int port = 0;
  bool serving = false;
  bool stopped = false;

  Loop& pick_loop() { return *loops[next_loop++ % loops.size()]; }

  // Under `mutex`.
  void add(std::string tag, const std::shared_ptr<Listener>& listener) {
    listeners.emplace(std::move(tag), listener);
    if (serving) accept(listener);
  }

  void accept(std::shared_ptr<Listener> listener) {
    Loop& loop = pick_loop();
    listener->acceptor.async_accept(
        loop.context, [this, listener, &loop](boost::system::error_code error, tcp::socket socket) {
          if (error == asio::error::operation_aborted || !listener->acceptor.is_open()) return;
          if (error) {
            // Out of descriptors or a connection that died in the queue: the listener lives on.
            log::warning("accept failed", {{"why", error.message()}});
            listener->retry_timer.expires_after(std::chrono::milliseconds(10));
            listener->retry_timer.async_wait([this, listener](boost::system::error_code cancelled) {
              if (!cancelled && listener->acceptor.is_open()) accept(listener);
            });
            return;
          }
          asio::post(loop.context, [this, listener, &loop, socket = std::move(socket)]() mutable {
            if (!listener->door->released) begin(*listener, loop, std::move(socket));
          });
          accept(listener);
        });
  }

  void begin(const Listener& listener, Loop& loop, tcp::socket socket) {
    const std::size_t limit = shared.options.connection_count_max;
    const bool is_full = shared.connections.size() >= limit;
    if (is_full) log_full();
    if (is_full && shared.connections.size() >= limit + refused_count_max) return;
    const std::shared_ptr<const Door> door = is_full ? full_door : listener.door;
    if (listener.tls) {
      asio::ssl::stream<beast::tcp_stream> stream(beast::tcp_stream(std::move(socket)), *shared.tls);
      begin_as(std::make_shared<Connection<decltype(stream)>>(std::move(stream), shared, door), loop);
    } else {
      beast::tcp_stream stream(std::move(socket));
      begin_as(std::make_shared<Connection<decltype(stream)>>(std::move(stream), shared, door), loop);
    }
  }
  template <class C>
  void begin_as(std::shared_ptr<C> connection, Loop& loop) {
    shared.connections.add(connection.get(), &loop);
    connection->begin();
  }
  // A flood of connections must not become a flood of lines.
  void log_full() {
    constexpr std::int64_t pause_s = 10;
    const std::int64_t now_s = to_ms(std::chrono::system_clock::now()) / 1000;
    std::int64_t before_s = full_logged_at_s;
    if (now_s - before_s >= pause_s && full_logged_at_s.compare_exchange_strong(before_s, now_s))
      log::warning("connections are refused: too many are open",
                   {{"limit", std::to_string(shared.options.connection_count_max)}});
  }
  static std::shared_ptr<const Door> make_full_door(const Shared& shared) {
    auto door = std::make_shared<Door>();
    door->handler = [&shared](Request&) { return answer_too_many_connections(shared.options); };
    return door;
  }
};

Server::Server(ServerOptions options, Handler handler) : impl_(std::make_unique<Impl>()) {
  impl_->handler = std::move(handler);
  if (!options.tls_certificate_file.empty()) {
    auto& tls = impl_->shared.tls.emplace(asio::ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_2_VERSION);
    tls.use_certificate_chain_file(options.tls_certificate_file);
    tls.use_private_key_file(options.tls_key_file, asio::ssl::context::pem);
  }
  std::size_t count = options.thread_count ? options.thread_count : std::max(1u, std::thread::hardware_concurrency());
  impl_->shared.options = std::move(options);
  for (std::size_t i = 0; i < count; ++i) {
    auto loop = std::make_unique<Loop>();
    loop->thread = std::thread([raw = loop.get(), i] {
      pthread_setname_np(pthread_self(), ("http-" + std::to_string(i)).c_str());
      Executor::set_current(&raw->executor);
      raw->context.run();
    });
    impl_->loops.push_back(std::move(loop));
  }
}

Server::~Server() {
  stop();
}

Result<void> Server::listen(const std::string& host, int port) {
  TRY_DO(bind(host, port));
  serve();
  return ok;
}

void Server::serve() {
  std::lock_guard lock(impl_->mutex);
  if (std::exchange(impl_->serving, true)) return;
  for (auto& [tag, listener] : impl_->listeners) impl_->accept(listener);
}

Result<void> Server::bind(const std::string& host, int port) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  const auto unavailable = [&](const std::string& why) {
    return Error(ErrorKind::unavailable, "cannot listen on " + host + ":" + std::to_string(port) + ": " + why);
  };
  if (error) return unavailable("not an IP address");
  auto listener = std::make_shared<Impl::Listener>(*impl_->loops.front(), impl_->handler);
  listener->tls = impl_->shared.tls.has_value();
  const tcp::endpoint endpoint(address, static_cast<unsigned short>(port));
  listener->acceptor.open(endpoint.protocol(), error);
  if (!error) listener->acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) listener->acceptor.bind(endpoint, error);
  if (!error) listener->acceptor.listen(1024, error);
  if (error == asio::error::address_in_use) return unavailable("another program serves there; port 0 takes a free one");
  if (error == asio::error::access_denied) return unavailable("ports below 1024 are root's");
  if (error) return unavailable(error.message());
  impl_->port = listener->acceptor.local_endpoint().port();
  std::lock_guard lock(impl_->mutex);
  impl_->add("", listener);
  return ok;
}

int Server::port() const {
  return impl_->port;
}

Result<void> Server::adopt(int listening_fd, Handler handler, std::string tag) {
  sockaddr_storage address{};
  socklen_t address_size = sizeof address;
  boost::system::error_code error;
  if (::getsockname(listening_fd, reinterpret_cast<sockaddr*>(&address), &address_size) != 0)
    error.assign(errno, boost::system::system_category());
  else if (address.ss_family != AF_INET && address.ss_family != AF_INET6)
    error = asio::error::address_family_not_supported;
  auto listener = std::make_shared<Impl::Listener>(impl_->pick_loop(), std::move(handler));
  if (!error) listener->acceptor.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), listening_fd, error);
  if (error) {
    ::close(listening_fd);
    return Error(ErrorKind::unavailable, "the listening socket cannot be served", error.message());
  }
  std::lock_guard lock(impl_->mutex);
  if (impl_->stopped) return Error(ErrorKind::unavailable, "the server stops");
  impl_->add(std::move(tag), listener);
  return ok;
}

void Server::release(const std::string& tag) {
  std::lock_guard lock(impl_->mutex);
  const auto [first, last] = impl_->listeners.equal_range(tag);
  for (auto it = first; it != last; ++it) {
    const std::shared_ptr<Impl::Listener>& listener = it->second;
    listener->door->released = true;
    asio::post(listener->loop.context, [listener] { listener->close(); });
    impl_->shared.connections.for_each(&ConnectionBase::begin_close, listener->door.get());
  }
  impl_->listeners.erase(first, last);
}

void Server::stop() {
  {
    std::lock_guard lock(impl_->mutex);
    if (std::exchange(impl_->stopped, true)) return;
    impl_->shared.stopping = true;
    for (auto& [tag, listener] : impl_->listeners)
      asio::post(listener->loop.context, [listener = listener] { listener->close(); });
    impl_->listeners.clear();
  }
  impl_->shared.connections.for_each(&ConnectionBase::begin_close);
  if (!impl_->shared.connections.wait_empty(impl_->shared.options.drain_timeout)) {
    impl_->shared.connections.for_each(&ConnectionBase::close_now);
    impl_->shared.connections.wait_empty(std::chrono::seconds(2));
  }
  for (auto& loop : impl_->loops) {
    loop->work.reset();
    loop->context.stop();
    loop->thread.join();
  }
}

}  // namespace hearth::http
