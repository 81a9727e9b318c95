// The name server that instances see at 169.254.169.253: answers the names of the network itself and hands everything
// else to the host's name servers, as whoever runs on the host would ask them. UDP only. One thread for all instances,
// started with the first. Safe from any thread.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace hearth::oci {

inline constexpr const char* resolver_address = "169.254.169.253";
inline constexpr int resolver_port = 53;

struct NameServer {
  sockaddr_storage address{};
  socklen_t address_bytes = 0;
};

// What /etc/resolv.conf says now.
std::vector<NameServer> name_servers_of_host();

class InstanceResolver {
 public:
  explicit InstanceResolver(std::function<std::vector<NameServer>()> name_servers = name_servers_of_host);
  ~InstanceResolver();

  // Answers what comes to a datagram socket, which is closed when the instance is forgotten. Replaces an earlier one.
  void serve(const std::string& instance_id, int datagram_socket);
  void forget(const std::string& instance_id);

 private:
  struct Socket;
  struct Waiting;

  void run();
  void take_queries(const std::shared_ptr<Socket>& socket, std::vector<Waiting>& waiting);
  bool ask_next_server(Waiting& query);
  static bool take_answer(Waiting& query);
  void wake() const;

  const std::function<std::vector<NameServer>()> name_servers_;
  int wake_fd_ = -1;
  std::mutex mutex_;  // of what follows
  bool stopping_ = false;
  std::map<std::string, std::shared_ptr<Socket>> sockets_;
  std::thread thread_;
};

}  // namespace hearth::oci
