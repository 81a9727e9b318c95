#include "http/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/executor.h"
#include "http/client.h"

namespace hearth::http {
namespace {

// A file as a body, to see sendfile at work.
class FileSource final : public ByteSource {
 public:
  explicit FileSource(std::FILE* file, std::uint64_t length) : file_(file), length_(length) {}
  ~FileSource() override { std::fclose(file_); }
  Async<std::size_t> read(std::span<char>) override { co_return Error(ErrorKind::internal, "sendfile was not used"); }
  std::optional<std::uint64_t> remaining() const override { return length_; }
  std::optional<FileSlice> file_slice() const override { return FileSlice{fileno(file_), 0, length_}; }

 private:
  std::FILE* file_;
  std::uint64_t length_;
};

// Never ends; tells when it was let go.
class EndlessSource final : public ByteSource {
 public:
  explicit EndlessSource(std::atomic<bool>& gone) : gone_(gone) {}
  ~EndlessSource() override {
    gone_ = true;
    gone_.notify_all();
  }
  Async<std::size_t> read(std::span<char> into) override {
    std::fill(into.begin(), into.end(), 'x');
    co_return into.size();
  }

 private:
  std::atomic<bool>& gone_;
};

std::atomic<bool> endless_gone = false;
std::atomic<bool> waiting_for_client_to_leave = false, client_has_left = false;

// Sends of itself what nobody has to read; tells when it was let go.
class SparseFileSource final : public ByteSource {
 public:
  explicit SparseFileSource(std::atomic<bool>& gone) : file_(std::tmpfile()), gone_(gone) {
    EXPECT_EQ(::ftruncate(fileno(file_), static_cast<off_t>(length)), 0);
  }
  ~SparseFileSource() override {
    std::fclose(file_);
    gone_ = true;
  }
  Async<std::size_t> read(std::span<char>) override { co_return Error(ErrorKind::internal, "sendfile was not used"); }
  std::optional<std::uint64_t> remaining() const override { return length; }
  std::optional<FileSlice> file_slice() const override { return FileSlice{fileno(file_), 0, length}; }

 private:
  static constexpr std::uint64_t length = 256 << 20;
  std::FILE* file_;
  std::atomic<bool>& gone_;
};

// Whether `condition` comes true before a test has to be called hung.
template <class Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

Async<Response> serve(Request& request) {
  Response response;
  if (request.path == "/echo") {
    if (request.stream) {
      CO_TRY(response.body, co_await read_all(*request.stream, 64 << 20));
    }
  } else if (request.path == "/length") {
    std::size_t total = 0;
    std::string piece(64 << 10, '\0');
    while (request.stream) {
      CO_TRY(const std::size_t count, co_await request.stream->read(piece));
      if (count == 0) break;
      total += count;
    }
    response.body = std::to_string(total);
  } else if (request.path == "/large-pieces") {
    std::string piece(1 << 20, '\0'), all;
    while (request.stream) {
      CO_TRY(const std::size_t count, co_await request.stream->read(piece));
      if (count == 0) break;
      all.append(piece, 0, count);
    }
    response.body = to_hex(sha256(all));
  } else if (request.path == "/file") {
    std::FILE* file = std::tmpfile();
    const std::string content(3'000'000, 'f');
    std::fwrite(content.data(), 1, content.size(), file);
    std::fflush(file);
    response.stream = std::make_unique<FileSource>(file, content.size());
  } else if (request.path == "/endless") {
    endless_gone = false;
    response.stream = std::make_unique<EndlessSource>(endless_gone);
  } else if (request.path == "/sparse-file") {
    endless_gone = false;
    response.stream = std::make_unique<SparseFileSource>(endless_gone);
  } else if (request.path == "/until-the-client-leaves") {
    const auto client = request.watch_client();
    Cancellation::Registration registration;
    auto left = suspend([&](auto resume) {
      auto shared = std::make_shared<decltype(resume)>(std::move(resume));
      registration = client->on_cancel([shared] { (*shared)(); });
    });
    waiting_for_client_to_leave = true;
    co_await left;
    client_has_left = true;
  } else if (request.path == "/ignore-body") {
    response.body = "did not read it";
  } else {
    response.body = "hello " + request.method;
  }
  co_return response;
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

bool send_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// Until the server closes. Null: it broke off.
std::optional<std::string> receive_all(int fd) {
  std::string all;
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
    if (count < 0) return std::nullopt;
    if (count == 0) return all;
    all.append(buffer, static_cast<std::size_t>(count));
  }
}

// The head and body of one answer, with the connection left open.
std::string receive_answer(int fd, std::string_view end) {
  std::string all;
  char byte;
  while (!all.ends_with(end) && ::recv(fd, &byte, 1, 0) == 1) all += byte;
  return all;
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.thread_count = 2;
    options.head_timeout = std::chrono::milliseconds(200);
    options.idle_timeout = std::chrono::milliseconds(400);
    server = std::make_unique<Server>(options, serve);
    ASSERT_TRUE(server->listen("127.0.0.1", 0));
    url = *parse_url("http://127.0.0.1:" + std::to_string(server->port()));
  }
  Response get(std::string path, std::string method = "GET", std::string body = {}) {
    Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.body = std::move(body);
    auto response = sync_wait(client.send(url, std::move(request)));
    EXPECT_TRUE(response) << response.error().message();
    Response answer = std::move(*response);
    answer.body = *sync_wait(read_all(*answer.stream, 64 << 20));
    return answer;
  }
  // Sends raw bytes, returns all that comes back until the server closes.
  std::string raw(const std::string& bytes) {
    const int fd = connect_raw();
    (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) all.append(buffer, static_cast<std::size_t>(n));
    ::close(fd);
    return all;
  }
  int connect_raw() { return connect_to(server->port()); }

  std::unique_ptr<Server> server;
  Client client;
  Url url;
};

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  for (int i = 0; i < 50; ++i) EXPECT_EQ(get("/").body, "hello GET");
}

TEST_F(ServerTest, BodiesComeBackWhole) {
  for (const std::size_t size : {0, 1, 1000, 70'000, 5'000'000}) {
    const std::string body(size, 'b');
    EXPECT_EQ(get("/echo", "PUT", body).body, body);
  }
}

TEST_F(ServerTest, WhoReadsInLargePiecesGetsTheSameBytesAndNoMore) {
  std::string body;
  for (int i = 0; body.size() < 5'000'000; ++i) body += std::to_string(i);
  // On one connection: nothing of a body is taken for the next request, nor the other way round.
  std::string requests, expected;
  for (const std::size_t size : {5'000'000, 10, 200'000, 0, 1'048'576, 131'072}) {
    requests += "PUT /large-pieces HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
    requests += body.substr(0, size);
    expected += to_hex(sha256(body.substr(0, size)));
  }
  requests += "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const int fd = connect_raw();
  std::thread sending([&] { (void)!::send(fd, requests.data(), requests.size(), MSG_NOSIGNAL); });
  std::string answers, digests;
  char buffer[4096];
  for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) answers.append(buffer, static_cast<std::size_t>(n));
  sending.join();
  ::close(fd);
  for (std::size_t at = 0; (at = answers.find("\r\n\r\n", at)) != answers.npos; at += 4)
    if (answers.substr(at + 4, 5) != "hello") digests += answers.substr(at + 4, 64);
  EXPECT_EQ(digests, expected);
  EXPECT_TRUE(answers.ends_with("hello GET"));
}

TEST_F(ServerTest, ABodyThatEndsTooSoonIsAnErrorForWhoReadsInLargePieces) {
  const int fd = connect_raw();
  const std::string head =
      "PUT /large-pieces HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + std::string(400'000, 'x');
  (void)!::send(fd, head.data(), head.size(), MSG_NOSIGNAL);
  ::shutdown(fd, SHUT_WR);
  std::string answer;
  char buffer[4096];
  for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) answer.append(buffer, static_cast<std::size_t>(n));
  ::close(fd);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 500")) << answer;
}

TEST_F(ServerTest, ChunkedRequestBodies) {
  const std::string answer =
      raw("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: "
          "close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nabcde")) << answer;
}

TEST_F(ServerTest, FilesGoOutBySendfile) {
  EXPECT_EQ(get("/file").body, std::string(3'000'000, 'f'));
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  const std::string answer =
      raw("GET /a HTTP/1.1\r\nHost: x\r\n\r\nHEAD /b HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: "
          "x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nxyz");
  const auto first = answer.find("hello GET"), last = answer.find("xyz");
  EXPECT_NE(first, answer.npos);
  EXPECT_NE(last, answer.npos);
  EXPECT_LT(first, last);
}

TEST_F(ServerTest, ContinueIsSentOnlyWhenTheBodyIsWanted) {
  const std::string wanted =
      raw("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nok");
  EXPECT_TRUE(wanted.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")) << wanted;
  const std::string unwanted =
      raw("PUT /ignore-body HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(unwanted.starts_with("HTTP/1.1 200 OK\r\n")) << unwanted;
}

TEST_F(ServerTest, NonsenseGets400AndTheConnectionEnds) {
  for (const char* bad : {"GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nBroken Header\r\n\r\n",
                          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
                          "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"}) {
    const std::string answer = raw(bad);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << bad << " -> " << answer;
  }
  EXPECT_TRUE(raw("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n").starts_with("HTTP/1.1 431 "));
}

TEST_F(ServerTest, ASlowHeadIsCutOff) {
  EXPECT_EQ(raw("GET / HTT"), "");
}

TEST_F(ServerTest, AnAbandonedStreamIsLetGo) {
  {
    Request request;
    request.method = "GET";
    request.path = "/endless";
    auto response = sync_wait(client.send(url, std::move(request)));
    ASSERT_TRUE(response);
    char piece[1000];
    ASSERT_GT(*sync_wait(response->stream->read(piece)), 0u);
  }  // the client goes away here
  endless_gone.wait(false);
  EXPECT_TRUE(endless_gone);
}

TEST_F(ServerTest, AClientThatStopsReadingAFileIsLetGo) {
  const int fd = connect_raw();
  ASSERT_TRUE(send_whole(fd, "GET /sparse-file HTTP/1.1\r\nHost: x\r\n\r\n"));
  char byte;
  ASSERT_EQ(::recv(fd, &byte, 1, 0), 1);  // the answer has begun; nobody reads the rest
  EXPECT_TRUE(eventually([] { return endless_gone.load(); }));
  ::close(fd);
}

TEST_F(ServerTest, AClientThatStopsReadingAStreamIsLetGo) {
  const int fd = connect_raw();
  ASSERT_TRUE(send_whole(fd, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n"));
  char byte;
  ASSERT_EQ(::recv(fd, &byte, 1, 0), 1);
  EXPECT_TRUE(eventually([] { return endless_gone.load(); }));
  ::close(fd);
}

TEST_F(ServerTest, AClientThatStopsSendingItsBodyIsLetGo) {
  const int fd = connect_raw();
  ASSERT_TRUE(send_whole(fd, "PUT /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"));
  EXPECT_FALSE(receive_all(fd).value_or("").starts_with("HTTP/1.1 200"));  // and it ends at all
  ::close(fd);
}

TEST_F(ServerTest, AnEarlyAnswerReachesAClientThatIsStillSending) {
  const std::string body(24 << 20, 'b');
  const std::string length = std::to_string(body.size());
  const std::pair<std::string, std::string> requests[] = {
      {"PUT /ignore-body HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + "\r\n\r\n" + body, "HTTP/1.1 200 "},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n" + body, "HTTP/1.1 400 "},
      {"GET / HTTP/1.1\r\nX: " + body + "\r\n\r\n", "HTTP/1.1 431 "}};
  for (const auto& [request, answer] : requests) {
    const int fd = connect_raw();
    EXPECT_TRUE(send_whole(fd, request)) << answer;
    ::shutdown(fd, SHUT_WR);
    const auto received = receive_all(fd);
    EXPECT_TRUE(received && received->starts_with(answer)) << answer << received.value_or("broken off");
    ::close(fd);
  }
}

TEST_F(ServerTest, AnAnsweredClientThatGoesOnForeverIsLetGo) {
  const int fd = connect_raw();
  ASSERT_TRUE(send_whole(fd, "PUT /ignore-body HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n"));
  const std::string piece(1 << 20, 'b');
  std::size_t piece_count = 0;
  while (piece_count < 4096 && send_whole(fd, piece)) ++piece_count;
  EXPECT_LT(piece_count, 4096u);
  ::close(fd);
}

// Holds a request until told to answer it.
class HeldHandler {
 public:
  Handler handler() {
    return [this](Request& request) { return handle(request); };
  }
  void wait_for_a_request() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return resume_ != nullptr; });
  }
  void answer() {
    std::lock_guard lock(mutex_);
    std::exchange(resume_, nullptr)();
  }
  int count() const { return count_; }

 private:
  Async<Response> handle(Request& request) {
    ++count_;
    if (request.path == "/held") {
      auto held = suspend([this](auto resume) {
        std::lock_guard lock(mutex_);
        resume_ = std::move(resume);
        arrived_.notify_all();
      });
      co_await held;
    }
    Response response;
    response.body = "from inside";
    co_return response;
  }
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::move_only_function<void()> resume_;
  std::atomic<int> count_ = 0;
};

// A socket that listens on a free port of its own, as one made inside an instance would.
std::pair<int, int> listening_socket(int family) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(::listen(fd, 16), 0);  // unbound: any address, a free port
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return {fd, ntohs(address.sin6_port)};  // where IPv4 has its port, too
}

TEST_F(ServerTest, AReleasedSocketServesNothingMore) {
  for (const int family : {AF_INET, AF_INET6}) {
    HeldHandler inside;
    const auto [listener, port] = listening_socket(family);
    ASSERT_TRUE(server->adopt(listener, inside.handler(), "door"));
    const int kept = connect_to(port), busy = connect_to(port);
    ASSERT_TRUE(send_whole(kept, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_TRUE(receive_answer(kept, "from inside").starts_with("HTTP/1.1 200 "));
    ASSERT_TRUE(send_whole(busy, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n"));
    inside.wait_for_a_request();

    server->release("door");
    EXPECT_EQ(receive_all(kept), "");  // the idle one is closed
    ASSERT_TRUE(send_whole(busy, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    inside.answer();
    const std::string last = receive_answer(busy, "from inside");
    EXPECT_NE(last.find("Connection: close\r\n"), last.npos) << last;
    EXPECT_EQ(receive_answer(busy, "from inside"), "");
    EXPECT_EQ(inside.count(), 2);
    EXPECT_TRUE(eventually([port] {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in address = loopback(port);
      const bool refused = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0;
      ::close(fd);
      return refused;
    }));
    ::close(kept);
    ::close(busy);
  }
}

TEST_F(ServerTest, ASocketThatCannotBeServedIsClosed) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto adopted = server->adopt(fd, serve, "door");
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().kind(), ErrorKind::unavailable);
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

TEST(ServerLimits, FurtherConnectionsAreToldThatThereAreTooMany) {
  ServerOptions options;
  options.thread_count = 1;
  options.connection_count_max = 2;
  Server server(options, serve);
  ASSERT_TRUE(server.listen("127.0.0.1", 0));
  const std::string get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  const int first = connect_to(server.port()), second = connect_to(server.port());
  for (const int fd : {first, second}) {
    ASSERT_TRUE(send_whole(fd, get));
    ASSERT_TRUE(receive_answer(fd, "hello GET").starts_with("HTTP/1.1 200 "));
  }
  const int third = connect_to(server.port());
  ASSERT_TRUE(send_whole(third, get));
  const std::string refusal = receive_all(third).value_or("broken off");
  EXPECT_TRUE(refusal.starts_with("HTTP/1.1 503 ")) << refusal;
  EXPECT_NE(refusal.find("Connection: close\r\n"), refusal.npos) << refusal;
  ::close(third);
  ::close(first);
  EXPECT_TRUE(eventually([&] {
    const int next = connect_to(server.port());
    const bool sent = send_whole(next, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const bool served = sent && receive_all(next).value_or("").starts_with("HTTP/1.1 200 ");
    ::close(next);
    return served;
  }));
  ::close(second);
}

TEST_F(ServerTest, UnreadBodiesDoNotBecomeRequests) {
  EXPECT_EQ(get("/ignore-body", "PUT", std::string(100'000, 'x')).body, "did not read it");
  EXPECT_EQ(get("/").body, "hello GET");
}

TEST_F(ServerTest, ManyClientsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) good += get("/echo", "POST", std::to_string(i)).body == std::to_string(i);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 1600);
}

// Sends a request that is answered when its client has gone, and goes.
bool notices_that_the_client_leaves(Client& client, const Url& url) {
  waiting_for_client_to_leave = client_has_left = false;
  auto leave = std::make_shared<Cancellation>();
  std::thread asking([&] {
    Request request{.method = "GET", .path = "/until-the-client-leaves"};
    (void)sync_wait(client.send(url, std::move(request), std::chrono::seconds(5), std::chrono::seconds(30), leave));
  });
  const bool is_waiting = eventually([] { return waiting_for_client_to_leave.load(); });
  leave->cancel();
  asking.join();
  return is_waiting && eventually([] { return client_has_left.load(); });
}

TEST_F(ServerTest, AHandlerIsToldThatItsClientHasLeft) {
  EXPECT_TRUE(notices_that_the_client_leaves(client, url));
}

TEST(ServerTls, SpeaksTlsWithACertificateOfItsOwn) {
  const CertificatePem pem = make_self_signed_certificate({"127.0.0.1", "localhost"});
  const std::string folder = testing::TempDir();
  std::ofstream(folder + "/cert.pem") << pem.certificate;
  std::ofstream(folder + "/key.pem") << pem.key;
  ServerOptions options;
  options.thread_count = 1;
  options.tls_certificate_file = folder + "/cert.pem";
  options.tls_key_file = folder + "/key.pem";
  Server server(options, serve);
  ASSERT_TRUE(server.listen("127.0.0.1", 0));
  ClientOptions trusting;
  trusting.ca_file = folder + "/cert.pem";
  Client client(trusting);
  const Url url = *parse_url("https://127.0.0.1:" + std::to_string(server.port()));
  Request request;
  request.method = "PUT";
  request.path = "/echo";
  request.body = std::string(1'000'000, 's');
  auto response = sync_wait(client.send(url, std::move(request)));
  ASSERT_TRUE(response) << response.error().message() << response.error().detail();
  EXPECT_EQ(sync_wait(read_all(*response->stream, 2 << 20))->size(), 1'000'000u);

  EXPECT_TRUE(notices_that_the_client_leaves(client, url));

  Client suspicious;  // does not know the certificate
  Request again;
  again.method = "GET";
  again.path = "/";
  EXPECT_FALSE(sync_wait(suspicious.send(url, std::move(again))));
}

TEST(ServerStart, WhoConnectsEarlyWaitsUntilTheServerServes) {
  ServerOptions options;
  options.thread_count = 1;
  Server server(options, serve);
  ASSERT_TRUE(server.bind("127.0.0.1", 0));
  const int fd = connect_to(server.port());
  ASSERT_TRUE(send_whole(fd, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  char byte;
  EXPECT_EQ(::recv(fd, &byte, 1, MSG_DONTWAIT), -1);
  server.serve();
  EXPECT_TRUE(receive_all(fd).value_or("").starts_with("HTTP/1.1 200 "));
  ::close(fd);
}

// A thread that coroutines belong to, as a server's event loops are.
class Loop final : public Executor {
 public:
  ~Loop() override {
    post([this] { stopped_ = true; });
    thread_.join();
  }
  void post(std::move_only_function<void()> work) override {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
    wake_.notify_one();
  }
  // Runs `work` there and waits for it.
  void run(std::function<void()> work) {
    std::promise<void> done;
    post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  void serve_queue() {
    Executor::set_current(this);
    while (!stopped_) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return !queue_.empty(); });
      auto work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
    }
  }
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> queue_;
  bool stopped_ = false;
  std::thread thread_{[this] { serve_queue(); }};
};

template <class T>
void begin(Async<T>& task) {
  task.await_suspend(std::noop_coroutine()).resume();
}

// Says on which thread it was read.
class ObservedSource final : public ByteSource {
 public:
  explicit ObservedSource(std::set<std::thread::id>& readers) : readers_(readers) {}
  Async<std::size_t> read(std::span<char> into) override {
    readers_.insert(std::this_thread::get_id());
    if (std::exchange(given_, true)) co_return std::size_t{0};
    into[0] = 'x';
    co_return std::size_t{1};
  }

 private:
  std::set<std::thread::id>& readers_;
  bool given_ = false;
};

TEST_F(ServerTest, ARequestsStreamIsReadWhereItsSenderRuns) {
  std::set<std::thread::id> readers;
  std::promise<int> status;
  {
    Loop loop;
    loop.run([&] {
      Request request{.method = "PUT", .path = "/echo"};
      request.stream = std::make_unique<ObservedSource>(readers);
      start(client.send(url, std::move(request)),
            [&](Result<Response> response) { status.set_value(response ? response->status : 0); });
    });
    EXPECT_EQ(status.get_future().get(), 200);
    EXPECT_EQ(readers, std::set{loop.id()});
  }
  EXPECT_EQ(get("/").status, 200);  // by now the client has put the first answer's connection away
}

TEST_F(ServerTest, WhoStopsWaitingForAnAnswerClosesTheConnection) {
  waiting_for_client_to_leave = client_has_left = false;
  Loop loop;
  std::optional<Async<Response>> sending;
  loop.run([&] {
    sending.emplace(client.send(url, Request{.method = "GET", .path = "/until-the-client-leaves"}));
    begin(*sending);
  });
  EXPECT_TRUE(eventually([] { return waiting_for_client_to_leave.load(); }));
  loop.run([&] { sending.reset(); });
  EXPECT_TRUE(eventually([] { return client_has_left.load(); }));
  EXPECT_EQ(get("/").status, 200);  // the client goes on, and has let go of what nobody waits for
}

TEST_F(ServerTest, WhoStopsReadingAnAnswerClosesTheConnection) {
  Loop loop;
  std::optional<Response> response;
  std::optional<Async<std::size_t>> reading;
  std::vector<char> piece(64 << 10);
  std::promise<void> there;
  loop.run([&] {
    start(client.send(url, Request{.method = "GET", .path = "/endless"}), [&](Result<Response> r) {
      response.emplace(std::move(*r));
      there.set_value();
    });
  });
  there.get_future().wait();
  loop.run([&] {
    reading.emplace(response->stream->read(piece));
    begin(*reading);
    reading.reset();
    response.reset();
    piece = {};  // what was to be filled is gone
  });
  EXPECT_TRUE(eventually([] { return endless_gone.load(); }));
  EXPECT_EQ(get("/").status, 200);  // the client goes on, and has let go of what nobody waits for
}

// The idle timeout is for silence, not for the whole of an answer on a slow line.
TEST_F(ServerTest, ALargeAnswerMayTakeLongerThanTheIdleTimeout) {
  const std::string body(24 << 20, 'b');
  const int fd = connect_raw();
  const int window = 128 << 10;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
  std::thread sending([&] {
    send_whole(fd, "PUT /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + body);
  });
  std::size_t received = 0;
  std::vector<char> piece(256 << 10);
  for (ssize_t count; (count = ::recv(fd, piece.data(), piece.size(), MSG_WAITALL)) > 0;) {
    received += static_cast<std::size_t>(count);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));  // what a line of 25 MiB/s takes
  }
  sending.join();
  ::close(fd);
  EXPECT_GT(received, body.size());
}

// The idle timeout is for silence, not for the whole of a body on a slow line.
TEST(HttpClient, ALargeBodyMayTakeLongerThanTheIdleTimeout) {
  constexpr std::size_t body_bytes = 24 << 20;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int window = 128 << 10;
  ::setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
  ASSERT_EQ(::listen(listener, 1), 0);
  sockaddr_in address{};
  socklen_t length = sizeof address;
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  std::thread slow_peer([listener] {
    const int fd = ::accept(listener, nullptr, nullptr);
    std::vector<char> piece(256 << 10);
    for (std::size_t received = 0; received < body_bytes;) {
      const ssize_t count = ::recv(fd, piece.data(), piece.size(), MSG_WAITALL);
      if (count <= 0) break;
      received += static_cast<std::size_t>(count);
      std::this_thread::sleep_for(std::chrono::milliseconds(25));  // what a line of 10 MiB/s takes
    }
    send_whole(fd, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    ::close(fd);
  });
  Client client({.idle_timeout = std::chrono::milliseconds(1'000)});
  Request request{.method = "PUT", .path = "/", .body = std::string(body_bytes, 'b')};
  const auto response = sync_wait(
      client.send(*parse_url("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port))), std::move(request)));
  slow_peer.join();
  ::close(listener);
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 204);
}

// A resolver whose answers are the test's: names that start with "hangs" get none until it lets go of them.
class FakeResolver {
 public:
  Resolve resolve() {
    return [state = state_](const std::string& name) -> Result<std::vector<std::string>> {
      std::unique_lock lock(state->mutex);
      state->asked.push_back(name);
      state->changed.notify_all();
      if (name.starts_with("hangs")) state->changed.wait(lock, [&] { return state->has_let_go; });
      const auto found = state->addresses.find(name);
      if (found == state->addresses.end()) return Error(ErrorKind::unavailable, "no such name");
      return found->second;
    };
  }
  ~FakeResolver() { let_go(); }
  void set(const std::string& name, std::vector<std::string> addresses) {
    std::lock_guard lock(state_->mutex);
    state_->addresses[name] = std::move(addresses);
  }
  void let_go() {
    std::lock_guard lock(state_->mutex);
    state_->has_let_go = true;
    state_->changed.notify_all();
  }
  std::size_t asked_count() const {
    std::lock_guard lock(state_->mutex);
    return state_->asked.size();
  }

 private:
  struct State {  // outlives the test on the threads that hang
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, std::vector<std::string>> addresses;
    std::vector<std::string> asked;
    bool has_let_go = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

class NamesTest : public ServerTest {
 protected:
  Result<Response> call(const std::string& host, std::chrono::milliseconds connect_timeout, MayReach may_reach = {}) {
    const Url target = *parse_url("http://" + host + ":" + std::to_string(server->port()));
    return sync_wait(names_client_->send(target, {.method = "GET", .path = "/"}, connect_timeout, long_enough, nullptr,
                                         std::move(may_reach)));
  }
  // Reads the answer to its end, so that its connection is kept.
  int status_of(Result<Response> response) {
    EXPECT_TRUE(response) << response.error().message();
    if (!response) return 0;
    (void)sync_wait(read_all(*response->stream, 1 << 20));
    return response->status;
  }
  static constexpr std::chrono::milliseconds soon{20}, long_enough{30'000};
  FakeResolver resolver_;
  std::unique_ptr<Client> names_client_ = std::make_unique<Client>(ClientOptions{.resolve = resolver_.resolve()});
};

TEST_F(NamesTest, ANameThatHangsHoldsNoCallLongerThanItsTime) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(call("hangs.test", soon).error().kind(), ErrorKind::unavailable);
  EXPECT_LE(resolver_.asked_count(), 1u);  // however many ask
  resolver_.set("works.test", {"127.0.0.1"});
  EXPECT_EQ(status_of(call("works.test", long_enough)), 200);
  resolver_.set("hangs.test", {"127.0.0.1"});
  resolver_.let_go();
  EXPECT_EQ(status_of(call("hangs.test", long_enough)), 200);
  EXPECT_EQ(call("unknown.test", long_enough).error().kind(), ErrorKind::unavailable);
}

TEST_F(NamesTest, NamesThatHangHoldNoMoreThanSoManyThreads) {
  for (int i = 0; i < 40; ++i) EXPECT_FALSE(call("hangs" + std::to_string(i) + ".test", soon));
  EXPECT_LE(resolver_.asked_count(), 16u);
  resolver_.set("works.test", {"127.0.0.1"});
  EXPECT_FALSE(call("works.test", soon));  // has to wait for a place
  resolver_.let_go();
  EXPECT_EQ(status_of(call("works.test", long_enough)), 200);
}

TEST_F(NamesTest, TheClientCanGoWhileANameHangs) {
  EXPECT_FALSE(call("hangs.test", soon));
  names_client_.reset();
  resolver_.let_go();
}

TEST_F(NamesTest, AddressesThatMayNotBeReachedAreNotConnectedTo) {
  resolver_.set("inside.test", {"169.254.169.254", "fe80::1%1"});
  resolver_.set("both.test", {"169.254.169.254", "127.0.0.1"});
  resolver_.set("own.test", {"127.0.0.1"});
  std::mutex mutex;
  std::set<std::string> judged;
  const MayReach no_link_local = [&](const std::string& address, int port) {
    std::lock_guard lock(mutex);
    judged.insert(address);
    EXPECT_EQ(port, server->port());
    return !address.starts_with("169.254.") && !address.starts_with("fe80:");
  };
  const MayReach nothing = [](const std::string&, int) { return false; };
  EXPECT_EQ(call("inside.test", long_enough, no_link_local).error().kind(), ErrorKind::denied);
  EXPECT_EQ(judged, (std::set<std::string>{"169.254.169.254", "fe80::1"}));
  EXPECT_EQ(call("169.254.169.254", long_enough, no_link_local).error().kind(), ErrorKind::denied);
  EXPECT_EQ(status_of(call("both.test", long_enough, no_link_local)), 200);
  // Nor by a connection that another call has left open, under a name or a number.
  for (const char* host : {"own.test", "127.0.0.1", "localhost"}) {
    EXPECT_EQ(status_of(call(host, long_enough)), 200) << host;
    EXPECT_EQ(call(host, long_enough, nothing).error().kind(), ErrorKind::denied) << host;
  }
}

TEST_F(ServerTest, TheClientWritesNothingThatWouldBeAnotherHeaderOrRequest) {
  const auto attempt = [&](auto change) {
    Request request{.method = "GET", .path = "/"};
    change(request);
    const auto response = sync_wait(client.send(url, std::move(request)));
    return response ? std::string("sent") : std::string(to_string(response.error().kind()));
  };
  EXPECT_EQ(attempt([](Request& r) { r.headers.add("X-Note", "caf\xc3\xa9\tau lait"); }), "sent");
  EXPECT_EQ(attempt([](Request& r) { r.method = "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"; }), "invalid");
  for (const std::string bad : {"", "x", "/ /", "/\r\nX: y", "/\t", "/\x7f", "/\xc3\xa9"})
    EXPECT_EQ(attempt([&](Request& r) { r.path = bad; }), "invalid") << bad;
  EXPECT_EQ(attempt([](Request& r) { r.query = "a=b HTTP/1.1\r\nX: y"; }), "invalid");
  for (const std::string bad : {"", "X Y", "X:", "X\r\nY"})
    EXPECT_EQ(attempt([&](Request& r) { r.headers.add(bad, "v"); }), "invalid") << bad;
  for (const std::string& bad : {std::string("a\r\nX: y"), std::string("a\nb"), std::string("a\0b", 3)})
    EXPECT_EQ(attempt([&](Request& r) { r.headers.add("X", bad); }), "invalid") << bad;
}

}  // namespace
}  // namespace hearth::http
