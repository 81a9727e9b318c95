#include "engines/oci/resolver.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "engines/oci/dns.h"

namespace hearth::oci {
namespace {

// A query as a C library sends it.
std::string query_for(const std::string& name, std::uint16_t type = dns::type_a, std::uint16_t number = 0x1234) {
  std::string packet("\0\0\x01\0\0\x01\0\0\0\0\0\0", 12);
  dns::set_number(packet, number);
  std::size_t begin = 0;
  while (begin < name.size()) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    packet.push_back(static_cast<char>(end - begin));
    packet += name.substr(begin, end - begin);
    begin = end + 1;
  }
  packet.push_back('\0');
  packet.push_back(static_cast<char>(type >> 8));
  packet.push_back(static_cast<char>(type & 0xFF));
  packet += std::string("\0\x01", 2);
  return packet;
}

std::optional<dns::Answer> answer_to(const std::string& name, std::uint16_t type = dns::type_a) {
  const auto question = dns::read_query(query_for(name, type));
  EXPECT_TRUE(question);
  return question ? dns::answer_here(*question) : std::nullopt;
}

TEST(Dns, NamesOfTheNetworkAreTheAddressesInThem) {
  EXPECT_EQ(answer_to("ip-172-31-0-5.ec2.internal")->address, 0xAC1F0005U);
  EXPECT_EQ(answer_to("IP-172-31-0-5.eu-north-1.Compute.Internal")->address, 0xAC1F0005U);
  EXPECT_EQ(answer_to("instance-data.ec2.internal")->address, 0xA9FEA9FEU);
  constexpr std::uint16_t type_aaaa = 28;
  const auto no_ipv6 = answer_to("ip-172-31-0-5.ec2.internal", type_aaaa);
  EXPECT_EQ(no_ipv6->code, dns::Code::no_error);
  EXPECT_FALSE(no_ipv6->address);
}

TEST(Dns, OtherNamesBelowOursDoNotExistAndAreNotAskedFor) {
  for (const char* name : {"ip-8-8-8-8.ec2.internal", "ip-172-31-0.ec2.internal", "ip-172-31-0-5-6.ec2.internal",
                           "ip-172-31-0-256.ec2.internal", "ip-172-31-0-+5.ec2.internal", "other.ec2.internal"})
    EXPECT_EQ(answer_to(name)->code, dns::Code::name_error) << name;
  EXPECT_FALSE(answer_to("example.com"));
  EXPECT_FALSE(answer_to("ip-172-31-0-5"));
  EXPECT_FALSE(answer_to("notec2.internal"));
}

TEST(Dns, WhatIsNoQueryIsNone) {
  const std::string good = query_for("example.com");
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(dns::read_query(good.substr(0, size))) << size;
  std::string answer = good;
  answer[2] = static_cast<char>(0x81);
  EXPECT_FALSE(dns::read_query(answer)) << "an answer is no query";
  std::string pointer = good;
  pointer[12] = static_cast<char>(0xC0);
  EXPECT_FALSE(dns::read_query(pointer)) << "a pointer in a question";
  EXPECT_FALSE(
      dns::read_query(query_for(std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') + "." +
                                std::string(60, 'd') + "." + std::string(60, 'e'))));
}

// A UDP socket of this machine's loopback.
class Loopback {
 public:
  Loopback() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where);
    socklen_t size = sizeof address_.address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address_.address), &size);
    address_.address_bytes = size;
  }
  ~Loopback() {
    if (fd_ >= 0) ::close(fd_);
  }
  const NameServer& address() const { return address_; }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void send(const std::string& packet, const NameServer& to) const {
    ::sendto(fd_, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to.address), to.address_bytes);
  }
  // The next packet and who sent it.
  std::string receive(NameServer* from = nullptr) const {
    pollfd polled{fd_, POLLIN, 0};
    if (::poll(&polled, 1, 10'000) != 1) return {};
    std::string packet(4096, '\0');
    NameServer sender;
    sender.address_bytes = sizeof sender.address;
    const auto size = ::recvfrom(fd_, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&sender.address),
                                 &sender.address_bytes);
    if (from) *from = sender;
    packet.resize(static_cast<std::size_t>(std::max<ssize_t>(0, size)));
    return packet;
  }

 private:
  int fd_;
  NameServer address_;
};

struct Resolver : testing::Test {
  Resolver() {
    Loopback inside;
    resolver_at = inside.address();
    resolver.serve("i-1", inside.release());
  }
  std::string answer_of_upstream(const std::string& query) {
    const auto question = dns::read_query(query);
    return dns::write_answer(query, *question, {.address = 0x01020304});
  }
  Loopback client, upstream;
  NameServer resolver_at;

  void set_servers(std::vector<NameServer> now) {
    std::lock_guard lock(mutex_);
    servers_ = std::move(now);
  }

 private:
  std::mutex mutex_;  // the resolver asks on its own thread
  std::vector<NameServer> servers_ = {upstream.address()};

 protected:
  InstanceResolver resolver{[this] {
    std::lock_guard lock(mutex_);
    return servers_;
  }};
};

TEST_F(Resolver, AnswersNamesOfTheNetworkItself) {
  const std::string query = query_for("ip-172-31-0-5.ec2.internal");
  client.send(query, resolver_at);
  const std::string answer = client.receive();
  ASSERT_TRUE(dns::is_answer_to(answer, query));
  EXPECT_EQ(answer.substr(answer.size() - 4), std::string("\xAC\x1F\x00\x05", 4));
}

TEST_F(Resolver, HandsOtherNamesOnWithANumberOfItsOwn) {
  const std::string query = query_for("example.com");
  client.send(query, resolver_at);
  NameServer asker;
  const std::string asked = upstream.receive(&asker);
  ASSERT_TRUE(dns::read_query(asked));
  EXPECT_EQ(asked.substr(2), query.substr(2));
  // Somebody who does not know the number, or answers another question, is not believed.
  std::string forged = answer_of_upstream(asked);
  dns::set_number(forged, static_cast<std::uint16_t>(dns::number_of(forged) + 1));
  upstream.send(forged, asker);
  upstream.send(answer_of_upstream(query_for("example.org", dns::type_a, dns::number_of(asked))), asker);
  upstream.send(answer_of_upstream(asked), asker);
  const std::string answer = client.receive();
  EXPECT_TRUE(dns::is_answer_to(answer, query));
  EXPECT_EQ(answer.substr(answer.size() - 4), "\x01\x02\x03\x04");
}

TEST_F(Resolver, AsksTheNextServerWhenNobodyIsAtTheFirst) {
  NameServer nobody;
  {
    const Loopback closed;
    nobody = closed.address();
  }
  set_servers({nobody, upstream.address()});
  const std::string query = query_for("example.com");
  client.send(query, resolver_at);
  NameServer asker;
  const std::string asked = upstream.receive(&asker);
  ASSERT_FALSE(asked.empty());
  upstream.send(answer_of_upstream(asked), asker);
  EXPECT_TRUE(dns::is_answer_to(client.receive(), query));
}

TEST_F(Resolver, WithoutAServerItSaysSoAtOnce) {
  set_servers({});
  const std::string query = query_for("example.com");
  client.send(query, resolver_at);
  const std::string answer = client.receive();
  ASSERT_TRUE(dns::is_answer_to(answer, query));
  EXPECT_EQ(answer[3] & 0x0F, static_cast<int>(dns::Code::server_failure));
}

}  // namespace
}  // namespace hearth::oci
