// An instance's network: a routed veth pair with the gateway 169.254.1.1, security groups as nftables chains on the
// host, and sockets that listen inside the instance's namespace. Nothing here knows what listens or who asks. Routed,
// not bridged: on a bridge, security groups hold only where br_netfilter is loaded. Blocking.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "ports/instance_runtime.h"

namespace hearth::oci {

// All instances of one data folder. Several may live on one host: each has an nftables table and interface names of its
// own. Safe from any thread.
class HostNetwork {
 public:
  // `tag`: five characters that tell this data folder from others.
  explicit HostNetwork(std::string tag) : tag_(std::move(tag)) {}

  // Makes the table (keeping what is in it) and lets the host forward. Idempotent.
  Result<void> prepare();

  // Wires the namespace of process `pid` up: eth0, default route, metadata addresses. conflict when the address is
  // taken on this host by something else.
  Result<void> connect(const InstanceSpec& spec, pid_t pid);
  // Removes interface, route and chains. Nothing there is fine.
  Result<void> disconnect(const std::string& instance_id);

  // Replaces the chains of the instance in one step: no packet sees half of them.
  Result<void> set_firewall(const std::string& instance_id, const std::string& address,
                            const std::vector<FirewallRule>& ingress, const std::vector<FirewallRule>& egress);

  // Removes the table. For the last instance and for tests.
  void remove_table();

 private:
  std::string interface_name(const std::string& instance_id) const;
  std::string chain_name(const char* direction, const std::string& instance_id) const;
  std::string table() const { return "hearth_" + tag_; }

  std::string tag_;
};

// Sockets in the network namespace of `pid`, for what its processes see as address:port. Each is bound to port + 20000,
// with a rule that leads there: programs inside can still take `port` on all addresses.
Result<int> listen_in_namespace(pid_t pid, const std::string& address, int port);     // TCP
Result<int> datagrams_in_namespace(pid_t pid, const std::string& address, int port);  // UDP

}  // namespace hearth::oci
