#include "engines/oci/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "engines/oci/command.h"

namespace hearth::oci {
namespace {

constexpr const char* gateway_address = "169.254.1.1";
constexpr int hidden_port_offset = 20'000;

// Ids come from our own service, but what goes into a rule is checked where it goes in.
bool is_plain(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/:") ==
             std::string_view::npos;
}

bool is_ipv4_network(const std::string& text) {
  const auto slash = text.find('/');
  in_addr parsed{};
  if (::inet_pton(AF_INET, text.substr(0, slash).c_str(), &parsed) != 1) return false;
  return slash == std::string::npos || text.find_first_not_of("0123456789", slash + 1) == std::string::npos;
}

std::string ports_of(const FirewallRule& rule) {
  if (rule.from_port < 0 && rule.to_port < 0) return {};
  if (rule.from_port == rule.to_port) return std::to_string(rule.from_port);
  return fmt::format("{}-{}", rule.from_port, rule.to_port);
}

// One line of nft per rule; `side` is saddr for ingress, daddr for egress, `verdict` what a match means.
std::string rule_lines(const std::vector<FirewallRule>& rules, const char* side, const char* verdict) {
  std::string lines;
  for (const auto& rule : rules) {
    std::string peers;
    for (const auto* list : {&rule.cidrs, &rule.peer_addresses})
      for (const auto& peer : *list)
        if (is_ipv4_network(peer)) peers += (peers.empty() ? "" : ", ") + peer;
    if (peers.empty()) continue;
    const std::string from = fmt::format("ip {} {{ {} }} ", side, peers);
    const std::string ports = ports_of(rule);
    if (rule.protocol == "-1" || rule.protocol.empty())
      lines += from + verdict + "\n";
    else if (rule.protocol == "tcp" || rule.protocol == "udp")
      lines += from + (ports.empty() ? "meta l4proto " + rule.protocol : rule.protocol + " dport " + ports) + " " +
               verdict + "\n";
    else if (rule.protocol == "icmp")
      lines += from + (rule.from_port >= 0 ? fmt::format("icmp type {}", rule.from_port) : "meta l4proto icmp") +
               (rule.from_port >= 0 && rule.to_port >= 0 ? fmt::format(" icmp code {} ", rule.to_port) : " ") +
               verdict + "\n";
    else if (rule.protocol.find_first_not_of("0123456789") == std::string::npos)
      lines += from + "meta l4proto " + rule.protocol + " " + verdict + "\n";
  }
  return lines;
}

// setns() moves one thread for good: a thread of its own goes in, does the work and ends. Tools it runs are inside too.
template <class T>
Result<T> in_network_namespace(const NetworkNamespace& inside, const std::function<Result<T>()>& work) {
  Result<T> result = Error(ErrorKind::internal, "internal error");
  std::thread([&] {
    if (::setns(inside.fd(), CLONE_NEWNET) != 0)
      result = Error(ErrorKind::unavailable, "the instance's network is gone", std::strerror(errno));
    else
      result = work();
  }).join();
  return result;
}

Result<void> run_with_input(const std::vector<std::string>& command, std::string input) {
  TRY_DO(run_command(command, {.standard_input = std::move(input)}));
  return ok;
}

// Addresses that programs inside can connect to.
std::string listener_addresses(const std::vector<Listener>& listeners) {
  std::string lines;
  for (const auto& listener : listeners)
    lines += fmt::format("address replace {}/32 dev lo scope link\n", listener.address);
  return lines;
}

// What leads from there to our sockets.
std::string listener_rules(const std::vector<Listener>& listeners) {
  std::string lines = "add table ip hearth\n";
  for (const auto& listener : listeners) {
    const char* protocol = listener.is_datagram ? "udp" : "tcp";
    lines += fmt::format(
        "add chain ip hearth to_{0}_{1} {{ type nat hook output priority -100; }}\n"
        "flush chain ip hearth to_{0}_{1}\n"
        "add rule ip hearth to_{0}_{1} ip daddr {2} {0} dport {1} dnat to {2}:{3}\n",
        protocol, listener.port, listener.address, listener.port + hidden_port_offset);
  }
  return lines;
}

Result<void> check_listeners(const std::vector<Listener>& listeners) {
  for (const auto& listener : listeners)
    if (!is_ipv4_network(listener.address))
      return Error(ErrorKind::invalid, "not an IPv4 address: " + listener.address);
  return ok;
}

Result<void> write_setting(const std::string& path, const char* value) {
  std::ofstream file(path);
  file << value << std::flush;
  if (!file) return Error(ErrorKind::unavailable, "cannot change a kernel network setting", path);
  return ok;
}

}  // namespace

Result<NetworkNamespace> NetworkNamespace::make() {
  int fd = -1, error = 0;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) == 0) fd = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    error = errno;
  }).join();
  if (fd < 0) return Error(ErrorKind::unavailable, "cannot make a network namespace", std::strerror(error));
  return NetworkNamespace(fd);
}

Result<NetworkNamespace> NetworkNamespace::of_process(pid_t pid) {
  const int fd = ::open(fmt::format("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error(ErrorKind::unavailable, "the instance's network is gone", std::strerror(errno));
  return NetworkNamespace(fd);
}

NetworkNamespace::~NetworkNamespace() {
  if (fd_ >= 0) ::close(fd_);
}

std::string NetworkNamespace::path() const {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), fd_);
}

std::string HostNetwork::interface_name(const std::string& instance_id) const {
  // At most 15 characters: the last digits of i-0123456789abcdef0 are as random as the first.
  const std::string digits = instance_id.size() > 8 ? instance_id.substr(instance_id.size() - 8) : instance_id;
  return "hi" + tag_ + digits;
}

std::string HostNetwork::chain_name(const char* direction, const std::string& instance_id) const {
  std::string name = std::string(direction) + "_" + instance_id;
  for (char& c : name)
    if (c == '-' || c == '.') c = '_';
  return name;
}

Result<void> HostNetwork::prepare() {
  // Replies pass. A new connection from an instance must pass its egress chain, which goes on to `deliver`; one to an
  // instance its ingress chain. The host is no part of the network: instances cannot open connections to it.
  const std::string rules = fmt::format(R"(
table inet {0} {{
  map egress {{ type ipv4_addr : verdict; }}
  map ingress {{ type ipv4_addr : verdict; }}
  chain deliver {{ }}
  chain forward {{ type filter hook forward priority 0; policy accept; }}
  chain input {{ type filter hook input priority 0; policy accept; }}
  chain output {{ type filter hook output priority 0; policy accept; }}
  chain postrouting {{ type nat hook postrouting priority srcnat; policy accept; }}
}}
flush chain inet {0} deliver
flush chain inet {0} forward
flush chain inet {0} input
flush chain inet {0} output
flush chain inet {0} postrouting
table inet {0} {{
  chain deliver {{
    oifname {1} ip daddr vmap @ingress
    oifname {1} drop
    accept
  }}
  chain forward {{
    iifname != {1} oifname != {1} accept
    ct state established,related accept
    ct state invalid drop
    iifname {1} ip saddr vmap @egress
    iifname {1} drop
    goto deliver
  }}
  chain input {{
    iifname {1} ct state established,related accept
    iifname {1} icmp type echo-request accept
    iifname {1} drop
  }}
  chain output {{
    oifname {1} ct state established,related accept
    oifname {1} goto deliver
  }}
  chain postrouting {{
    iifname {1} oifname != {1} masquerade
  }}
}}
)",
                                        table(), "\"hi" + tag_ + "*\"");
  TRY_DO(run_with_input({"nft", "-f", "-"}, rules));
  return write_setting("/proc/sys/net/ipv4/ip_forward", "1");
}

// Another server on this host may have given the address away: what goes there would reach that one's instance.
Result<void> HostNetwork::refuse_taken_address(const std::string& address, const std::string& interface) const {
  in_addr wanted{};
  ::inet_pton(AF_INET, address.c_str(), &wanted);
  const std::string destination = fmt::format("{:08X}", wanted.s_addr);
  // https://man7.org/linux/man-pages/man5/proc_pid_net.5.html
  std::ifstream file("/proc/net/route");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string device, target, gateway, flags, skipped, mask;
    fields >> device >> target >> gateway >> flags >> skipped >> skipped >> skipped >> mask;
    if (target == destination && mask == "FFFFFFFF" && device != interface)
      return Error(ErrorKind::conflict, "the address " + address + " is in use on this host", "route to " + device);
  }
  return ok;
}

// Tools are what takes the time here: one of each kind on each side, and the firewall while the links are made.
Result<void> HostNetwork::connect(const InstanceSpec& spec, const std::vector<Listener>& listeners,
                                  const NetworkNamespace& inside) {
  if (!is_plain(spec.id) || !is_ipv4_network(spec.private_address) || !is_plain(spec.mac_address))
    return Error(ErrorKind::invalid, "the instance's network addresses are malformed");
  TRY_DO(check_listeners(listeners));
  const std::string interface = interface_name(spec.id);
  TRY_DO(refuse_taken_address(spec.private_address, interface));
  Result<void> guarded = ok;
  std::jthread guarding([&] { guarded = set_firewall(spec.id, spec.private_address, spec.ingress, spec.egress); });

  const std::string links_inside = fmt::format(
      "link set lo up\n"
      "link add eth0 address {1} type veth peer name {0} netns {2}\n"
      "address add {3}/32 dev eth0\n"
      "link set eth0 up\n"
      "route add {4}/32 dev eth0 scope link\n"
      "route add default via {4} dev eth0 src {3}\n"
      "{5}",
      interface, spec.mac_address, ::getpid(), spec.private_address, gateway_address, listener_addresses(listeners));
  TRY_DO(in_network_namespace<void>(inside, [&]() -> Result<void> {
    TRY_DO(run_with_input({"ip", "-batch", "-"}, links_inside));
    return run_with_input({"nft", "-f", "-"}, listener_rules(listeners));
  }));
  TRY_DO(run_with_input({"ip", "-batch", "-"}, fmt::format("address add {1}/32 dev {0} scope link\n"
                                                           "link set {0} up\n"
                                                           "route add {2}/32 dev {0} src {1}\n",
                                                           interface, gateway_address, spec.private_address)));
  // A packet that claims another source address than the instance's is dropped.
  TRY_DO(write_setting("/proc/sys/net/ipv4/conf/" + interface + "/rp_filter", "1"));
  guarding.join();
  return guarded;
}

Result<void> HostNetwork::set_firewall(const std::string& instance_id, const std::string& address,
                                       const std::vector<FirewallRule>& ingress,
                                       const std::vector<FirewallRule>& egress) {
  const std::string in = chain_name("in", instance_id), out = chain_name("out", instance_id), t = "inet " + table();
  // "add" then "flush" works whether the chains exist or not; the whole text is one transaction.
  const std::string rules = fmt::format(
      "add chain {0} {1}\nadd chain {0} {2}\nflush chain {0} {1}\nflush chain {0} {2}\n"
      "table {0} {{\n  chain {1} {{\n{3}drop\n}}\n  chain {2} {{\n{4}drop\n}}\n}}\n"
      "add element {0} ingress {{ {5} : jump {1} }}\nadd element {0} egress {{ {5} : jump {2} }}\n",
      t, in, out, rule_lines(ingress, "saddr", "accept"), rule_lines(egress, "daddr", "goto deliver"), address);
  return run_with_input({"nft", "-f", "-"}, rules);
}

Result<void> HostNetwork::disconnect(const std::string& instance_id, const std::string& address) {
  const std::string interface = interface_name(instance_id);
  // The route goes with the interface, the interface with the namespace; it may be gone already.
  if (::if_nametoindex(interface.c_str()) != 0) (void)run_command({"ip", "link", "delete", interface});
  const std::string in = chain_name("in", instance_id), out = chain_name("out", instance_id);
  // "add" makes "delete" work whether they are there or not. It fails where there is no table, and where the address
  // leads to another instance by now.
  if (is_ipv4_network(address) &&
      run_with_input({"nft", "-f", "-"},
                     fmt::format("add chain {0} {1}\nadd chain {0} {2}\n"
                                 "add element {0} ingress {{ {3} : jump {1} }}\n"
                                 "add element {0} egress {{ {3} : jump {2} }}\n"
                                 "delete element {0} ingress {{ {3} }}\ndelete element {0} egress {{ {3} }}\n"
                                 "delete chain {0} {1}\ndelete chain {0} {2}\n",
                                 "inet " + table(), in, out, address)))
    return ok;
  return disconnect_slowly(in, out);
}

// Looks for what leads to the chains.
Result<void> HostNetwork::disconnect_slowly(const std::string& in, const std::string& out) {
  for (const auto& [map, chain] : {std::pair{"ingress", in}, {"egress", out}}) {
    const auto listed = run_command({"nft", "list", "map", "inet", table(), map});
    if (!listed) return ok;  // no table: nothing of ours is left
    const auto verdict = listed->find(": jump " + chain);
    if (verdict == std::string::npos) continue;
    const auto end = listed->find_last_not_of(' ', verdict - 1);
    const auto begin = listed->find_last_of(" {,\t", end) + 1;
    TRY_DO(run_command(
        {"nft", "delete", "element", "inet", table(), map, "{ " + listed->substr(begin, end - begin + 1) + " }"}));
  }
  (void)run_with_input({"nft", "-f", "-"}, fmt::format("add chain {0} {1}\nadd chain {0} {2}\n"
                                                       "delete chain {0} {1}\ndelete chain {0} {2}\n",
                                                       "inet " + table(), in, out));
  return ok;
}

void HostNetwork::remove_table() {
  (void)run_command({"nft", "delete", "table", "inet", table()});
}

Result<void> prepare_listeners(const NetworkNamespace& inside, const std::vector<Listener>& listeners) {
  TRY_DO(check_listeners(listeners));
  return in_network_namespace<void>(inside, [&]() -> Result<void> {
    TRY_DO(run_with_input({"ip", "-batch", "-"}, listener_addresses(listeners)));
    return run_with_input({"nft", "-f", "-"}, listener_rules(listeners));
  });
}

namespace {

Result<int> socket_in_namespace(const NetworkNamespace& inside, const std::string& address, int port, int type) {
  if (!is_ipv4_network(address)) return Error(ErrorKind::invalid, "not an IPv4 address: " + address);
  return in_network_namespace<int>(inside, [&]() -> Result<int> {
    const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<std::uint16_t>(port + hidden_port_offset));
    ::inet_pton(AF_INET, address.c_str(), &where.sin_addr);
    if (fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0 &&
        (type != SOCK_STREAM || ::listen(fd, 128) == 0))
      return fd;
    const Error error(ErrorKind::unavailable, fmt::format("cannot listen on {}:{} inside the instance", address, port),
                      std::strerror(errno));
    if (fd >= 0) ::close(fd);
    return error;
  });
}

}  // namespace

Result<int> listen_in_namespace(const NetworkNamespace& inside, const std::string& address, int port) {
  return socket_in_namespace(inside, address, port, SOCK_STREAM);
}

Result<int> datagrams_in_namespace(const NetworkNamespace& inside, const std::string& address, int port) {
  return socket_in_namespace(inside, address, port, SOCK_DGRAM);
}

}  // namespace hearth::oci
