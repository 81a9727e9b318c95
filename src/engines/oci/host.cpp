#include "engines/oci/host.h"

#include <sched.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engines/oci/command.h"

namespace hearth::oci {
namespace {

bool file_has_word(const char* path, const std::string& word) {
  std::ifstream file(path);
  for (std::string found; file >> found;)
    if (found == word) return true;
  return false;
}

bool has_controller(const std::string& name) {
  std::error_code ignored;
  if (std::filesystem::exists("/sys/fs/cgroup/" + name, ignored)) return true;  // v1
  return file_has_word("/sys/fs/cgroup/cgroup.controllers", name);              // v2
}

}  // namespace

HostCapacity host_capacity() {
  HostCapacity capacity;
  cpu_set_t allowed;
  capacity.vcpu_count = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  struct sysinfo information{};
  if (::sysinfo(&information) == 0)
    capacity.memory_bytes = static_cast<std::uint64_t>(information.totalram) * information.mem_unit;
  return capacity;
}

std::vector<std::string> missing_on_this_host() {
  std::vector<std::string> missing;
  if (::geteuid() != 0) missing.emplace_back("hearth does not run as root, which namespaces, mounts and cgroups need.");
  for (const auto& [tool, package] : {std::pair{runtime_tool, "runc"},
                                      {"conmon", "conmon"},
                                      {"catatonit", "catatonit"},
                                      {"nft", "nftables"},
                                      {"ip", "iproute2"},
                                      {"mkfs.ext4", "e2fsprogs"}})
    if (find_tool(tool).empty())
      missing.push_back(std::string(tool) + " is not installed (Debian package " + package + ").");
  for (const char* controller : {"cpu", "memory", "pids"})
    if (!has_controller(controller))
      missing.push_back("the " + std::string(controller) + " cgroup controller is not available.");
  if (!file_has_word("/proc/filesystems", "overlay"))
    missing.emplace_back("the kernel has no overlay file system (modprobe overlay).");
  if (std::error_code ignored; !std::filesystem::exists("/dev/loop-control", ignored))
    missing.emplace_back("there is no /dev/loop-control, so root volumes cannot be mounted (modprobe loop).");
  if (std::error_code ignored; !std::filesystem::exists("/proc/self/ns/net", ignored))
    missing.emplace_back("the kernel has no network namespaces.");
  return missing;
}

}  // namespace hearth::oci
