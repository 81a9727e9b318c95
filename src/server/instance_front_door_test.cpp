#include "server/instance_front_door.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hearth::server {
namespace {

// Opens listeners on loopback, and runs `before_listening` while the front door waits for one.
class ListeningRuntime final : public InstanceRuntime {
 public:
  std::function<void()> before_listening = [] {};
  std::vector<int> listeners;

  Async<int> open_listener(const std::string&, const std::string&, int) override {
    before_listening();
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::listen(fd, 16), 0);  // unbound: a free port
    listeners.push_back(fd);
    co_return fd;
  }

  HostCapacity capacity() const override { return {}; }
  std::vector<std::string> missing_requirements() const override { return {}; }
  Async<void> start(const InstanceSpec&) override { co_return ok; }
  Async<void> stop(const std::string&, std::chrono::milliseconds) override { co_return ok; }
  Async<void> remove(const std::string&) override { co_return ok; }
  Async<void> set_firewall(const std::string&, std::vector<FirewallRule>, std::vector<FirewallRule>) override {
    co_return ok;
  }
  Async<std::vector<ObservedInstance>> observe() override { co_return std::vector<ObservedInstance>(); }
  Async<InstanceUsage> usage(const std::string&) override { co_return InstanceUsage(); }
  Async<std::string> console(const std::string&, std::uint64_t, std::size_t) override { co_return std::string(); }
};

class InstanceFrontDoorTest : public testing::Test {
 protected:
  InstanceFrontDoorTest() {
    const auto answer = [](const std::string& id, http::Request&) -> Async<http::Response> {
      http::Response response;
      response.body = id;
      co_return response;
    };
    door.serve_with(server, answer, answer);
  }
  // Listening sockets nobody closed.
  int open_count() const {
    int count = 0;
    for (const int fd : runtime.listeners) count += ::fcntl(fd, F_GETFD) != -1;
    return count;
  }

  ListeningRuntime runtime;
  HttpInstanceFrontDoor door{runtime};
  http::Server server{{.thread_count = 1}, [](http::Request&) -> Async<http::Response> { co_return http::Response(); }};
};

TEST_F(InstanceFrontDoorTest, OpenServesBothAddressesOnce) {
  EXPECT_TRUE(sync_wait(door.open("i-1", 1)));
  EXPECT_TRUE(sync_wait(door.open("i-1", 1)));
  EXPECT_EQ(runtime.listeners.size(), 2u);
  EXPECT_EQ(open_count(), 2);
}

TEST_F(InstanceFrontDoorTest, ADoorClosedWhileItOpensLeavesNoListener) {
  runtime.before_listening = [this] { door.close("i-1"); };
  const auto opened = sync_wait(door.open("i-1", 1));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind(), ErrorKind::cancelled);
  EXPECT_EQ(open_count(), 0);
}

TEST_F(InstanceFrontDoorTest, ADoorOpenedAgainMeanwhileStaysOpen) {
  bool is_first = true;
  runtime.before_listening = [this, &is_first] {
    if (!std::exchange(is_first, false)) return;
    door.close("i-1");
    EXPECT_TRUE(sync_wait(door.open("i-1", 1)));
  };
  EXPECT_FALSE(sync_wait(door.open("i-1", 1)));
  EXPECT_EQ(open_count(), 2);
}

}  // namespace
}  // namespace hearth::server
