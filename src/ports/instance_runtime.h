// Makes an instance run or stop. Idempotent by id; reports what it observes; never decides what should be (that is the
// reconciler in services/ec2). Safe from any thread. Implemented by engines/oci, engines/memory.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/time.h"

namespace hearth {

struct FirewallRule {
  std::string protocol;  // "tcp", "udp", "icmp", "-1" for all
  int from_port = -1;    // inclusive; -1: all. Of icmp: the type, and the code
  int to_port = -1;
  std::vector<std::string> cidrs;           // IPv4
  std::vector<std::string> peer_addresses;  // private addresses of members of a referenced security group
};

// Where open_listener() listens, as the instance sees it.
struct ListenerPlace {
  std::string address;
  int port = 0;
};

// What an instance is. Everything the runtime needs, nothing of EC2's API.
struct InstanceSpec {
  std::string id;        // i-…
  std::string hostname;  // ip-172-31-0-5
  int vcpu_count = 1;
  std::uint64_t memory_bytes = 0;
  std::uint64_t root_volume_bytes = 0;
  std::vector<std::string> gpu_uuids;  // of HostCapacity::gpus
  std::string image_path;              // root folder of an imported image; empty: the host image (overlay on /)
  std::string private_address;         // IPv4 /32
  std::string mac_address;
  std::vector<FirewallRule> ingress;  // all else is refused; replies to own connections pass
  std::vector<FirewallRule> egress;
  std::vector<std::string> ssh_public_keys;
  std::string user_data;                           // raw bytes; run at first boot when it starts with #!
  std::map<std::string, std::string> environment;  // AWS_ENDPOINT_URL, AWS_REGION, …; never credentials
  // Host folders shown inside, read-only (the build folder with hearth-train and hearth-infer): host path -> inside
  // path.
  std::map<std::string, std::string> read_only_mounts;
  // What open_listener() will be asked for, so that it can be made ready with the network. Others work, but take
  // longer.
  std::vector<ListenerPlace> listener_places;
  // Called when the network is there and before the first program runs, so that open_listener() in it is in time for
  // programs that ask for credentials at once. An error fails the start. May be empty.
  std::function<Result<void>()> before_boot;
};

enum class RunState { absent, running, exited };

struct ObservedInstance {
  std::string id;
  RunState state = RunState::absent;
  std::optional<int> exit_code;
  std::string detail;  // "killed: out of memory"
  TimePoint started_at{};
};

// What one GPU is doing now. What its driver does not tell is absent.
struct GpuUsage {
  std::string name;
  std::optional<double> utilization_percent, memory_utilization_percent;
  std::optional<std::uint64_t> memory_used_bytes, memory_total_bytes;
  std::optional<double> temperature_celsius, power_watts;
};

// Counters grow while the instance runs, from wherever they began; memory and what is used of the root are as they are.
struct InstanceUsage {
  std::uint64_t cpu_nanoseconds = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_limit_bytes = 0;
  std::uint64_t network_in_bytes = 0, network_out_bytes = 0;
  std::uint64_t network_in_packets = 0, network_out_packets = 0;
  std::uint64_t disk_read_bytes = 0, disk_write_bytes = 0;
  std::uint64_t disk_read_count = 0, disk_write_count = 0;
  std::uint64_t root_used_bytes = 0;
  std::vector<GpuUsage> gpus;  // in the order the instance numbers them; empty where nothing measures them
};

struct HostGpu {
  std::string uuid;                // "GPU-…": stays the same whatever other GPUs come and go
  std::string name;                // "NVIDIA H100 80GB HBM3"
  std::uint64_t memory_bytes = 0;  // 0: unknown
};

struct HostCapacity {
  int vcpu_count = 0;
  std::uint64_t memory_bytes = 0;
  std::vector<HostGpu> gpus;
};

class InstanceRuntime {
 public:
  virtual ~InstanceRuntime() = default;

  virtual HostCapacity capacity() const = 0;
  // Empty when instances can be isolated here; else one sentence per missing thing ("not root", "no memory cgroup").
  virtual std::vector<std::string> missing_requirements() const = 0;

  // Running when this returns. Keeps the root volume of an earlier run (StartInstances after StopInstances).
  // Starting a running instance succeeds. no_space, unsupported, unavailable as they come.
  virtual Async<void> start(const InstanceSpec& spec) = 0;
  // SIGTERM to the init, then kill after `grace`. The root volume stays. Stopping a stopped instance succeeds.
  virtual Async<void> stop(const std::string& id, std::chrono::milliseconds grace) = 0;
  // Stops at once and removes the root volume, console and every trace.
  virtual Async<void> remove(const std::string& id) = 0;
  // Replaces the firewall of a running instance.
  virtual Async<void> set_firewall(const std::string& id, std::vector<FirewallRule> ingress,
                                   std::vector<FirewallRule> egress) = 0;

  // All instances this runtime knows, also those started by an earlier process of ours.
  virtual Async<std::vector<ObservedInstance>> observe() = 0;
  virtual Async<InstanceUsage> usage(const std::string& id) = 0;

  // Console bytes from `offset` on, at most `limit_bytes`. The console survives stop and our restarts.
  virtual Async<std::string> console(const std::string& id, std::uint64_t offset, std::size_t limit_bytes) = 0;

  // A listening TCP socket for what the instance sees as address:port (169.254.169.254:80, the API endpoint). Programs
  // inside can still take `port` on all addresses for themselves.
  // The caller owns the descriptor and closes it when the instance stops.
  virtual Async<int> open_listener(const std::string& id, const std::string& address, int port) = 0;
};

}  // namespace hearth
