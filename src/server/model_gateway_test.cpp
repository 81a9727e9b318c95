// Model calls over real sockets: client -> our server -> our HTTP client -> a model server.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <thread>

#include "base/executor.h"
#include "http/client.h"
#include "http/server.h"
#include "server/http_caller.h"
#include "server/openai_routes.h"
#include "services/sagemaker/sagemaker_fixture.h"

namespace hearth::server {
namespace {

using namespace std::chrono_literals;

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);  // polling a condition, bounded by the deadline above
  }
  return true;
}

// A body that gives what the test pushes, when it pushes it.
class Faucet {
 public:
  void push(std::string piece) {
    std::unique_lock lock(mutex_);
    pieces_.push_back(std::move(piece));
    wake(lock);
  }
  void end() {
    std::unique_lock lock(mutex_);
    ended_ = true;
    wake(lock);
  }
  std::atomic<bool> is_closed = false;  // nobody will read any more

  Async<std::size_t> read(std::span<char> into) {
    const auto wait = [this](std::move_only_function<void()> resume) {
      std::unique_lock lock(mutex_);
      waiting_ = std::move(resume);
      if (ended_ || !pieces_.empty()) wake(lock);
    };
    auto next = suspend(wait);
    co_await next;
    std::lock_guard lock(mutex_);
    if (pieces_.empty()) co_return std::size_t{0};
    const std::string piece = std::move(pieces_.front());
    pieces_.pop_front();
    std::copy(piece.begin(), piece.end(), into.begin());
    co_return piece.size();
  }

 private:
  void wake(std::unique_lock<std::mutex>& lock) {
    auto resume = std::exchange(waiting_, {});
    lock.unlock();
    if (resume) resume();
  }
  std::mutex mutex_;
  std::deque<std::string> pieces_;
  std::move_only_function<void()> waiting_;
  bool ended_ = false;
};

class FaucetSource final : public ByteSource {
 public:
  explicit FaucetSource(Faucet& faucet) : faucet_(faucet) {}
  ~FaucetSource() override { faucet_.is_closed = true; }
  Async<std::size_t> read(std::span<char> into) override { return faucet_.read(into); }

 private:
  Faucet& faucet_;
};

// Gives bytes for as long as somebody takes them, and counts them.
class Flood final : public ByteSource {
 public:
  explicit Flood(std::atomic<std::uint64_t>& given_bytes) : given_bytes_(given_bytes) {}
  Async<std::size_t> read(std::span<char> into) override {
    std::fill(into.begin(), into.end(), 'x');
    given_bytes_ += into.size();
    co_return into.size();
  }

 private:
  std::atomic<std::uint64_t>& given_bytes_;
};

class ModelGateway : public sagemaker::SageMakerFixture {
 protected:
  ModelGateway()
      : model_(one_thread(), [this](http::Request& r) { return serve_model(r); }),
        front_(one_thread(), [this](http::Request& r) { return serve_client(r); }) {
    // Model servers have a fixed port, so each test process takes an address of its own.
    machines_.network = "127.88." + std::to_string(::getpid() % 250 + 1) + ".";
    http_ = &caller_;
    restart();
    EXPECT_TRUE(model_.listen(machines_.network + "1", 8080));
    EXPECT_TRUE(front_.listen("127.0.0.1", 0));
    route_ = std::move(openai_routes(sagemaker_->openai_door()).front());
    bring_up();
  }
  ~ModelGateway() override {
    front_.stop();
    model_.stop();
  }
  static http::ServerOptions one_thread() {
    http::ServerOptions options;
    options.thread_count = 1;
    options.drain_timeout = 500ms;
    return options;
  }

  Async<http::Response> serve_model(http::Request& request) {
    http::Response response;
    if (request.path == "/ping") co_return response;
    if (request.stream) {
      CO_TRY(const std::string body, co_await read_all(*request.stream, 1 << 20));
    }
    ++model_call_count_;
    // What a good model server does: it stops when its client leaves.
    client_of_model_left_ = request.watch_client();
    stop_model_ = client_of_model_left_->on_cancel([this] { faucet_.end(); });
    if (answers_whole_) {
      char byte;
      (void)co_await faucet_.read({&byte, 1});  // thinks
      response.body = "{}";
      model_answered_ = true;
      co_return response;
    }
    response.headers.add("Content-Type", "text/event-stream");
    if (floods_)
      response.stream = std::make_unique<Flood>(given_bytes_);
    else
      response.stream = std::make_unique<FaucetSource>(faucet_);
    co_return response;
  }
  Async<http::Response> serve_client(http::Request& request) {
    if (request.stream) {
      CO_TRY(request.body, co_await read_all(*request.stream, 1 << 20));
      request.stream.reset();
    }
    RequestContext ctx = ctx_;
    ctx.watch_client = request.watch_client;
    co_return co_await route_.handle(ctx, request);
  }

  http::Response ask(const std::string& body) {
    http::Request request;
    request.method = "POST";
    request.path = "/v1/chat/completions";
    request.body = body;
    const auto url = http::parse_url("http://127.0.0.1:" + std::to_string(front_.port())).value();
    auto response = sync_wait(client_.send(url, std::move(request)));
    EXPECT_TRUE(response) << response.error().message();
    return std::move(*response);
  }
  // A client that asks and says nothing more; its socket.
  int ask_raw(const std::string& body) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(front_.port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const std::string request =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
        body;
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    return fd;
  }
  static std::string next(http::Response& response) {
    std::string piece(1 << 16, '\0');
    piece.resize(sync_wait(response.stream->read(piece)).value());
    return piece;
  }
  bool is_recorded_as_cancelled() {
    deliver();
    const auto& lines = sinks_.log_lines["/aws/sagemaker/Endpoints/chat"];
    return !lines.empty() && lines.back().contains("\"cancelled\":true");
  }

  const std::string stream_body_ = R"({"model":"chat","messages":[],"stream":true})";
  const std::string whole_body_ = R"({"model":"chat","messages":[]})";
  Faucet faucet_;
  std::atomic<std::uint64_t> given_bytes_ = 0;
  std::atomic<int> model_call_count_ = 0;
  std::atomic<bool> answers_whole_ = false, floods_ = false, model_answered_ = false;
  std::shared_ptr<Cancellation> client_of_model_left_;
  Cancellation::Registration stop_model_;
  http::Client client_, upstream_;
  ClientHttpCaller caller_{upstream_};
  gateway::PlainRoute route_;
  http::Server model_, front_;
};

TEST_F(ModelGateway, EveryTokenArrivesBeforeTheNextOneIsMade) {
  http::Response response = ask(stream_body_);
  for (const char* token : {"one", "two", "three"}) {
    const std::string event = "data: {\"choices\":[{\"delta\":{\"content\":\"" + std::string(token) + "\"}}]}\n\n";
    faucet_.push(event);
    EXPECT_EQ(next(response), event);
  }
  faucet_.push("data: [DONE]\n\n");
  EXPECT_EQ(next(response), "data: [DONE]\n\n");
  faucet_.end();
  EXPECT_EQ(next(response), "");
  deliver();
  EXPECT_THAT(sinks_.metrics["TimeToFirstToken"], testing::SizeIs(1));
  EXPECT_FALSE(is_recorded_as_cancelled());
}

TEST_F(ModelGateway, AClientThatLeavesASilentStreamStopsTheModel) {
  {
    http::Response response = ask(stream_body_);
    faucet_.push("data: {}\n\n");
    EXPECT_EQ(next(response), "data: {}\n\n");
  }  // which closes the client's connection; the model says nothing more meanwhile
  EXPECT_TRUE(eventually([this] { return faucet_.is_closed.load(); }));
  EXPECT_TRUE(eventually([this] { return is_recorded_as_cancelled(); }));
}

TEST_F(ModelGateway, AClientThatLeavesBeforeTheAnswerStopsTheModel) {
  answers_whole_ = true;
  const int fd = ask_raw(whole_body_);
  EXPECT_TRUE(eventually([this] { return model_call_count_ == 1; }));
  EXPECT_FALSE(model_answered_);
  ::close(fd);
  EXPECT_TRUE(eventually([this] { return model_answered_.load(); })) << "the model was told to stop";
  EXPECT_TRUE(client_of_model_left_->is_cancelled());
  EXPECT_TRUE(eventually([this] { return is_recorded_as_cancelled(); }));
}

TEST_F(ModelGateway, AModelIsReadNoFasterThanItsClientReads) {
  floods_ = true;
  http::Response response = ask(stream_body_);
  EXPECT_FALSE(next(response).empty());
  // The client pauses: what is given settles at what sockets hold.
  std::uint64_t last_bytes = 0;
  int unchanged_count = 0;
  EXPECT_TRUE(eventually([&] {
    unchanged_count = given_bytes_ == last_bytes ? unchanged_count + 1 : 0;
    last_bytes = given_bytes_;
    return unchanged_count > 100;
  }));
  EXPECT_LT(last_bytes, 32u << 20);
  std::uint64_t read_bytes = 0;
  while (read_bytes < (64u << 20)) read_bytes += next(response).size();
  EXPECT_GT(given_bytes_, 64u << 20) << "and goes on when it reads again";
}

TEST_F(ModelGateway, ALaterRequestOnTheSameConnectionIsAnsweredToo) {
  answers_whole_ = true;
  const int fd = ask_raw(whole_body_);
  EXPECT_TRUE(eventually([this] { return model_call_count_ == 1; }));
  const std::string second =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
  ASSERT_EQ(::send(fd, second.data(), second.size(), MSG_NOSIGNAL), static_cast<ssize_t>(second.size()));
  faucet_.push("x");
  std::string all;
  char buffer[4096];
  for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) all.append(buffer, static_cast<std::size_t>(n));
  ::close(fd);
  EXPECT_TRUE(all.starts_with("HTTP/1.1 200")) << all;
  EXPECT_TRUE(all.contains("HTTP/1.1 400")) << all;
}

}  // namespace
}  // namespace hearth::server
