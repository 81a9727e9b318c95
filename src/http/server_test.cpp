#include "http/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <thread>

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
  } else if (request.path == "/file") {
    std::FILE* file = std::tmpfile();
    const std::string content(3'000'000, 'f');
    std::fwrite(content.data(), 1, content.size(), file);
    std::fflush(file);
    response.stream = std::make_unique<FileSource>(file, content.size());
  } else if (request.path == "/endless") {
    endless_gone = false;
    response.stream = std::make_unique<EndlessSource>(endless_gone);
  } else if (request.path == "/ignore-body") {
    response.body = "did not read it";
  } else {
    response.body = "hello " + request.method;
  }
  co_return response;
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
  int connect_raw() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(server->port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

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

  Client suspicious;  // does not know the certificate
  Request again;
  again.method = "GET";
  again.path = "/";
  EXPECT_FALSE(sync_wait(suspicious.send(url, std::move(again))));
}

TEST(Url, PartsAndRefusals) {
  const Url url = *parse_url("http://[::1]:8080/a/b?c=d#e");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 8080);
  EXPECT_EQ(url.path, "/a/b");
  EXPECT_EQ(url.query, "c=d");
  EXPECT_EQ(url.authority(), "[::1]:8080");
  EXPECT_EQ(parse_url("https://example.com")->port, 443);
  for (const char* bad : {"", "example.com", "ftp://x", "http://", "http://x:0", "http://x:99999", "http://x:a"})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

}  // namespace
}  // namespace hearth::http
