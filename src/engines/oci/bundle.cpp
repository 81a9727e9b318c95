#include "engines/oci/bundle.h"

#include <fmt/ranges.h>
#include <sched.h>

#include <cerrno>
#include <map>

#include <boost/json.hpp>

#include "engines/oci/boot.h"

namespace hearth::oci {
namespace json = boost::json;
namespace {

constexpr int pid_count_per_vcpu = 4096;

// Docker's default set less what a machine's user does not need: no raw sockets (spoofing), no device nodes.
json::array capabilities() {
  return {"CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FSETID",     "CAP_FOWNER", "CAP_SETGID",  "CAP_SETUID",
          "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",   "CAP_SETFCAP", "CAP_AUDIT_WRITE"};
}

// System calls that reach outside a container or change the whole host. The list follows Docker's default profile;
// everything else is allowed, since trainers and servers use much of the rest.
json::object seccomp() {
  const json::array refused = {"acct",
                               "add_key",
                               "bpf",
                               "clock_adjtime",
                               "clock_settime",
                               "create_module",
                               "delete_module",
                               "finit_module",
                               "fsconfig",
                               "fsmount",
                               "fsopen",
                               "fspick",
                               "init_module",
                               "io_uring_enter",
                               "io_uring_register",
                               "io_uring_setup",
                               "ioperm",
                               "iopl",
                               "kcmp",
                               "kexec_file_load",
                               "kexec_load",
                               "keyctl",
                               "lookup_dcookie",
                               "mount",
                               "mount_setattr",
                               "move_mount",
                               "name_to_handle_at",
                               "nfsservctl",
                               "open_by_handle_at",
                               "open_tree",
                               "perf_event_open",
                               "pivot_root",
                               "process_madvise",
                               "quotactl",
                               "quotactl_fd",
                               "reboot",
                               "request_key",
                               "setns",
                               "settimeofday",
                               "stime",
                               "swapoff",
                               "swapon",
                               "sysfs",
                               "umount",
                               "umount2",
                               "unshare",
                               "userfaultfd",
                               "ustat",
                               "vhangup",
                               "vm86",
                               "vm86old"};
  json::array rules = {
      json::object{{"names", refused}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", EPERM}},
      // clone3 hides its flags from filters; libraries fall back to clone.
      json::object{{"names", json::array{"clone3"}}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", ENOSYS}}};
  // A new namespace made by clone would undo what is refused above.
  for (const std::int64_t flag :
       {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET})
    rules.push_back(json::object{
        {"names", json::array{"clone"}},
        {"action", "SCMP_ACT_ERRNO"},
        {"errnoRet", EPERM},
        {"args",
         json::array{json::object{{"index", 0}, {"value", flag}, {"valueTwo", flag}, {"op", "SCMP_CMP_MASKED_EQ"}}}}});
  return {{"defaultAction", "SCMP_ACT_ALLOW"},
          {"architectures", json::array{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}},
          {"syscalls", std::move(rules)}};
}

json::object mount_of(const char* destination, const char* type, json::array options) {
  return {{"destination", destination}, {"type", type}, {"source", type}, {"options", std::move(options)}};
}

json::array mounts(const InstanceSpec& spec, const BundlePlan& plan) {
  json::array mounts = {
      mount_of("/proc", "proc", {"nosuid", "noexec", "nodev"}),
      mount_of("/dev", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      mount_of("/dev/pts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      // No size of its own: collective libraries need much, and it counts against the instance's memory.
      mount_of("/dev/shm", "tmpfs", {"nosuid", "noexec", "nodev", "mode=1777"}),
      mount_of("/dev/mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
      mount_of("/sys", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
      mount_of("/run", "tmpfs", {"nosuid", "nodev", "mode=755"}),
  };
  const auto show = [&](const std::string& host_path, const std::string& inside) {
    mounts.push_back(json::object{{"destination", inside},
                                  {"type", "bind"},
                                  {"source", host_path},
                                  {"options", {"rbind", "ro", "nosuid", "nodev"}}});
  };
  show(plan.boot_folder.string(), boot_folder_inside);
  for (const auto& [host_path, inside] : spec.read_only_mounts) show(host_path, inside);
  for (const std::string& file : plan.gpus.driver_files) show(file, file);
  return mounts;
}

// The device nodes of its GPUs and nothing else, both to be seen and to be opened: environment variables enforce
// nothing.
void add_devices(const GpuGrant& gpus, json::array& nodes, json::array& allowed) {
  for (const DeviceNode& node : gpus.nodes) {
    nodes.push_back(json::object{
        {"path", node.path_inside}, {"type", "c"}, {"major", node.major}, {"minor", node.minor}, {"fileMode", 0666}});
    allowed.push_back(
        json::object{{"allow", true}, {"type", "c"}, {"major", node.major}, {"minor", node.minor}, {"access", "rw"}});
  }
}

json::array masked_paths(const GpuGrant& gpus) {
  json::array paths = {"/proc/acpi",        "/proc/kcore", "/proc/keys",    "/proc/latency_stats", "/proc/timer_list",
                       "/proc/sched_debug", "/proc/scsi",  "/sys/firmware", "/sys/fs/cgroup"};
  for (const std::string& path : gpus.hidden_paths) paths.push_back(json::string(path));
  return paths;
}

std::string cpu_list(const std::vector<int>& cpus) {
  std::string list;
  for (const int cpu : cpus) list += (list.empty() ? "" : ",") + std::to_string(cpu);
  return list;
}

}  // namespace

std::string bundle_configuration(const InstanceSpec& spec, const BundlePlan& plan) {
  std::map<std::string, std::string> variables = {
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"HOME", "/root"},
      {"LANG", "C.UTF-8"},
      {"TERM", "linux"}};
  for (const auto& [name, value] : spec.environment) variables[name] = value;
  // For software that reads it; the device nodes are what counts. CUDA_VISIBLE_DEVICES stays unset: inside, devices
  // are numbered from 0.
  variables["NVIDIA_VISIBLE_DEVICES"] =
      plan.gpus.uuids.empty() ? "void" : fmt::format("{}", fmt::join(plan.gpus.uuids, ","));
  if (!plan.gpus.uuids.empty()) variables["NVIDIA_DRIVER_CAPABILITIES"] = "compute,utility";
  json::array environment;
  for (const auto& [name, value] : variables) environment.push_back(json::string(name + "=" + value));

  json::array device_nodes, allowed_devices = {json::object{{"allow", false}, {"access", "rwm"}}};
  add_devices(plan.gpus, device_nodes, allowed_devices);
  const auto memory = static_cast<std::int64_t>(spec.memory_bytes);
  const std::string boot = boot_folder_inside;

  json::object configuration = {
      {"ociVersion", "1.0.2"},
      {"process",
       {{"terminal", true},
        {"consoleSize", {{"height", 50}, {"width", 160}}},
        {"user", {{"uid", 0}, {"gid", 0}}},
        {"args", {boot + "/catatonit", "--", "/bin/sh", boot + "/boot"}},
        {"env", std::move(environment)},
        {"cwd", "/"},
        {"capabilities", {{"bounding", capabilities()}, {"effective", capabilities()}, {"permitted", capabilities()}}},
        // sudo works, as on any machine; what it can gain is bounded above.
        {"noNewPrivileges", false}}},
      {"root", {{"path", plan.root.string()}, {"readonly", false}}},
      {"hostname", spec.hostname},
      {"mounts", mounts(spec, plan)},
      {"linux",
       {{"namespaces",
         {{{"type", "pid"}},
          {{"type", "mount"}},
          {{"type", "uts"}},
          {{"type", "ipc"}},
          {{"type", "cgroup"}},
          {{"type", "network"}, {"path", plan.network_path}}}},
        {"cgroupsPath", plan.cgroup_path},
        {"devices", std::move(device_nodes)},
        {"resources",
         {{"devices", std::move(allowed_devices)},
          {"memory", {{"limit", memory}, {"swap", memory}}},
          {"cpu",
           {{"shares", 1024 * spec.vcpu_count},
            {"quota", 100'000 * spec.vcpu_count},
            {"period", 100'000},
            {"cpus", cpu_list(plan.cpus)}}},
          {"pids", {{"limit", pid_count_per_vcpu * spec.vcpu_count}}}}},
        // So that ping works without raw sockets.
        {"sysctl", {{"net.ipv4.ping_group_range", "0 2147483647"}, {"net.ipv6.conf.all.disable_ipv6", "1"}}},
        {"maskedPaths", masked_paths(plan.gpus)},
        {"readonlyPaths", {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}},
        {"seccomp", seccomp()}}}};
  return json::serialize(configuration);
}

}  // namespace hearth::oci
