// An instance's network: a routed veth pair with the gateway 169.254.1.1, security groups as nftables chains on the
// host, and sockets that listen inside the instance's namespace. Nothing here knows what listens or who asks. Routed,
// not bridged: on a bridge, security groups hold only where br_netfilter is loaded. Blocking.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "ports/instance_runtime.h"

namespace hearth::oci {

// A place inside an instance where a socket of ours answers.
struct Listener {
  std::string address;
  int port = 0;
  bool is_datagram = false;
  auto operator<=>(const Listener&) const = default;
};

// A network namespace, alive for as long as this is (or a process in it).
class NetworkNamespace {
 public:
  static Result<NetworkNamespace> make();
  static Result<NetworkNamespace> of_process(pid_t pid);
  NetworkNamespace(NetworkNamespace&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  NetworkNamespace& operator=(NetworkNamespace&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~NetworkNamespace();

  // For setns(). Others reach it while we live as path().
  int fd() const { return fd_; }
  std::string path() const;

 private:
  explicit NetworkNamespace(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// All instances of one data folder. Several may live on one host: each has an nftables table and interface names of its
// own. Safe from any thread.
class HostNetwork {
 public:
  // `tag`: five characters that tell this data folder from others.
  explicit HostNetwork(std::string tag) : tag_(std::move(tag)) {}

  // Makes the table (keeping what is in it) and lets the host forward. Idempotent.
  Result<void> prepare();

  // Wires a namespace up: eth0, default route, and what listening on `listeners` needs. conflict when the
  // instance's address is taken on this host by something else.
  Result<void> connect(const InstanceSpec& spec, const std::vector<Listener>& listeners,
                       const NetworkNamespace& inside);
  // Removes interface, route and chains of an instance with this address. Nothing there is fine.
  Result<void> disconnect(const std::string& instance_id, const std::string& address);

  // Replaces the chains of the instance in one step: no packet sees half of them.
  Result<void> set_firewall(const std::string& instance_id, const std::string& address,
                            const std::vector<FirewallRule>& ingress, const std::vector<FirewallRule>& egress);

  // Removes the table. For the last instance and for tests.
  void remove_table();

 private:
  Result<void> refuse_taken_address(const std::string& address, const std::string& interface) const;
  Result<void> disconnect_slowly(const std::string& in, const std::string& out);
  std::string interface_name(const std::string& instance_id) const;
  std::string chain_name(const char* direction, const std::string& instance_id) const;
  std::string table() const { return "hearth_" + tag_; }

  std::string tag_;
};

// What listen_in_namespace() and datagrams_in_namespace() need of a namespace; connect() does it too. Idempotent.
Result<void> prepare_listeners(const NetworkNamespace& inside, const std::vector<Listener>& listeners);

// Sockets inside, for what the processes there see as address:port. Each is bound to port + 20000, with a rule that
// leads there: programs inside can still take `port` on all addresses.
Result<int> listen_in_namespace(const NetworkNamespace& inside, const std::string& address, int port);     // TCP
Result<int> datagrams_in_namespace(const NetworkNamespace& inside, const std::string& address, int port);  // UDP

}  // namespace hearth::oci
