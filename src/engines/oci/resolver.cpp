#include "engines/oci/resolver.h"

#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "base/file.h"
#include "engines/oci/dns.h"

namespace hearth::oci {
namespace {

constexpr std::size_t packet_bytes_max = 65'535;
constexpr std::size_t queries_at_once_max = 64;        // taken from one socket before the others have their turn
constexpr std::size_t waiting_per_instance_max = 128;  // one that asks faster than servers answer hurts itself only
constexpr std::chrono::seconds answer_timeout{2};

using SteadyTime = std::chrono::steady_clock::time_point;

}  // namespace

struct InstanceResolver::Socket {
  explicit Socket(int fd) : descriptor(fd) {}
  Descriptor descriptor;
};

// A query that was handed on. Each has a socket, so a number and a port, of its own: answers cannot be guessed.
struct InstanceResolver::Waiting {
  std::shared_ptr<Socket> socket;  // where it came from
  sockaddr_storage client{};
  socklen_t client_bytes = 0;
  std::string query;  // as it came
  std::string asked;  // the same with a number of ours
  std::vector<NameServer> servers;
  std::size_t next_server = 0;
  Descriptor upstream;
  SteadyTime deadline{};

  void answer(std::string_view packet) const {
    ::sendto(socket->descriptor.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&client), client_bytes);
  }
  void answer(dns::Answer answer_made_here) const {
    if (const auto question = dns::read_query(query)) answer(dns::write_answer(query, *question, answer_made_here));
  }
};

std::vector<NameServer> name_servers_of_host() {
  std::vector<NameServer> servers;
  std::ifstream file("/etc/resolv.conf");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string keyword, address;
    if (!(words >> keyword >> address) || keyword != "nameserver") continue;
    addrinfo hints{}, *found = nullptr;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_DGRAM;
    if (::getaddrinfo(address.c_str(), "53", &hints, &found) != 0) continue;
    NameServer server;
    server.address_bytes = found->ai_addrlen;
    std::copy_n(reinterpret_cast<const char*>(found->ai_addr), found->ai_addrlen,
                reinterpret_cast<char*>(&server.address));
    ::freeaddrinfo(found);
    servers.push_back(server);
  }
  return servers;
}

InstanceResolver::InstanceResolver(std::function<std::vector<NameServer>()> name_servers)
    : name_servers_(std::move(name_servers)), wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

InstanceResolver::~InstanceResolver() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
  ::close(wake_fd_);
}

void InstanceResolver::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(wake_fd_, &one, sizeof one);
}

void InstanceResolver::serve(const std::string& instance_id, int datagram_socket) {
  {
    std::lock_guard lock(mutex_);
    sockets_[instance_id] = std::make_shared<Socket>(datagram_socket);
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  wake();
}

void InstanceResolver::forget(const std::string& instance_id) {
  {
    std::lock_guard lock(mutex_);
    sockets_.erase(instance_id);
  }
  wake();
}

void InstanceResolver::run() {
  std::vector<Waiting> waiting;
  for (;;) {
    std::vector<std::shared_ptr<Socket>> sockets;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      for (const auto& [id, socket] : sockets_) sockets.push_back(socket);
    }
    std::vector<pollfd> polled = {{wake_fd_, POLLIN, 0}};
    for (const auto& socket : sockets) polled.push_back({socket->descriptor.get(), POLLIN, 0});
    for (const auto& query : waiting) polled.push_back({query.upstream.get(), POLLIN, 0});
    int timeout_ms = -1;
    for (const auto& query : waiting) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(query.deadline - std::chrono::steady_clock::now());
      const int left_ms = static_cast<int>(std::max<std::int64_t>(0, left.count()));
      timeout_ms = timeout_ms < 0 ? left_ms : std::min(timeout_ms, left_ms);
    }
    if (::poll(polled.data(), polled.size(), timeout_ms) < 0 && errno != EINTR) return;

    std::uint64_t ignored = 0;
    if (polled.front().revents) (void)!::read(wake_fd_, &ignored, sizeof ignored);
    // Answers first, at their places in `polled`; then queries, which add to `waiting`.
    std::vector<Waiting> still_waiting;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      Waiting& query = waiting[i];
      if (polled[1 + sockets.size() + i].revents && take_answer(query)) continue;
      if (std::chrono::steady_clock::now() < query.deadline || ask_next_server(query))
        still_waiting.push_back(std::move(query));
      else
        query.answer(dns::Answer{.code = dns::Code::server_failure, .address = {}});
    }
    waiting = std::move(still_waiting);
    for (std::size_t i = 0; i < sockets.size(); ++i)
      if (polled[1 + i].revents) take_queries(sockets[i], waiting);
  }
}

void InstanceResolver::take_queries(const std::shared_ptr<Socket>& socket, std::vector<Waiting>& waiting) {
  std::array<char, 4096> buffer;
  for (std::size_t taken = 0; taken < queries_at_once_max; ++taken) {
    Waiting query;
    query.socket = socket;
    query.client_bytes = sizeof query.client;
    const ssize_t size = ::recvfrom(socket->descriptor.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                    reinterpret_cast<sockaddr*>(&query.client), &query.client_bytes);
    if (size < 0) return;
    query.query.assign(buffer.data(), static_cast<std::size_t>(size));
    const auto question = dns::read_query(query.query);
    if (!question) continue;
    if (const auto here = dns::answer_here(*question)) {
      query.answer(*here);
      continue;
    }
    if (std::ranges::count(waiting, socket, &Waiting::socket) >= static_cast<std::ptrdiff_t>(waiting_per_instance_max))
      continue;
    query.servers = name_servers_();
    if (ask_next_server(query))
      waiting.push_back(std::move(query));
    else
      query.answer(dns::Answer{.code = dns::Code::server_failure, .address = {}});
  }
}

// False when there is none left to ask.
bool InstanceResolver::ask_next_server(Waiting& query) {
  while (query.next_server < query.servers.size()) {
    const NameServer& server = query.servers[query.next_server++];
    Descriptor upstream(::socket(server.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    std::uint16_t number = 0;
    if (upstream.get() < 0 || ::getrandom(&number, sizeof number, 0) != sizeof number) continue;
    query.asked = query.query;
    dns::set_number(query.asked, number);
    // Connected: packets of anybody else do not arrive.
    if (::connect(upstream.get(), reinterpret_cast<const sockaddr*>(&server.address), server.address_bytes) != 0 ||
        ::send(upstream.get(), query.asked.data(), query.asked.size(), MSG_NOSIGNAL) < 0)
      continue;
    query.upstream = std::move(upstream);
    query.deadline = std::chrono::steady_clock::now() + answer_timeout;
    return true;
  }
  return false;
}

// False when what came is no answer.
bool InstanceResolver::take_answer(Waiting& query) {
  std::string packet(packet_bytes_max, '\0');
  const ssize_t size = ::recv(query.upstream.get(), packet.data(), packet.size(), MSG_DONTWAIT);
  if (size < 0) {
    if (errno != EAGAIN) query.deadline = {};  // nobody is there: the next server's turn
    return false;
  }
  packet.resize(static_cast<std::size_t>(size));
  if (!dns::is_answer_to(packet, query.asked)) return false;
  dns::set_number(packet, dns::number_of(query.query));
  query.answer(packet);
  return true;
}

}  // namespace hearth::oci
