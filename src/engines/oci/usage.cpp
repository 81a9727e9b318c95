#include "engines/oci/usage.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <fstream>
#include <map>
#include <sstream>

namespace hearth::oci {
namespace fs = std::filesystem;
namespace {

// Where the cgroups of a process are: by v1 controller name, and "" for v2.
// https://man7.org/linux/man-pages/man7/cgroups.7.html
std::map<std::string, fs::path> cgroup_folders(pid_t pid) {
  std::map<std::string, fs::path> folders;
  std::ifstream file("/proc/" + std::to_string(pid) + "/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) folders[""] = "/sys/fs/cgroup" + path;
    std::istringstream names(controllers);
    for (std::string name; std::getline(names, name, ',');)
      // A hierarchy is mounted under all its names ("cpu,cpuacct") or under each.
      for (const auto& mount : {name, controllers})
        if (std::error_code ignored; fs::exists("/sys/fs/cgroup/" + mount + path, ignored))
          folders[name] = "/sys/fs/cgroup/" + mount + path;
  }
  return folders;
}

std::uint64_t read_number(const fs::path& path) {
  std::uint64_t number = 0;
  std::ifstream(path) >> number;
  return number;
}

// Files of the form "name number" per line.
std::uint64_t read_field(const fs::path& path, const std::string& wanted) {
  std::ifstream file(path);
  std::string name;
  for (std::uint64_t number = 0; file >> name >> number;)
    if (name == wanted) return number;
  return 0;
}

void read_v2(const fs::path& folder, InstanceUsage& usage) {
  usage.cpu_nanoseconds = read_field(folder / "cpu.stat", "usage_usec") * 1000;
  const std::uint64_t cache = read_field(folder / "memory.stat", "inactive_file");
  const std::uint64_t current = read_number(folder / "memory.current");
  usage.memory_bytes = current > cache ? current - cache : 0;
  usage.memory_limit_bytes = read_number(folder / "memory.max");
}

void read_v1(std::map<std::string, fs::path>& folders, InstanceUsage& usage) {
  usage.cpu_nanoseconds = read_number(folders["cpuacct"] / "cpuacct.usage");
  const std::uint64_t cache = read_field(folders["memory"] / "memory.stat", "total_inactive_file");
  const std::uint64_t current = read_number(folders["memory"] / "memory.usage_in_bytes");
  usage.memory_bytes = current > cache ? current - cache : 0;
  usage.memory_limit_bytes = read_number(folders["memory"] / "memory.limit_in_bytes");
}

// What went to and from the root volume's own device: cgroups do not count what is written back later (v1), or only
// where somebody set a limit. The device may have had another volume before: the counters go on.
// https://docs.kernel.org/block/stat.html
void read_volume(const fs::path& volume, InstanceUsage& usage) {
  struct statvfs space{};
  if (::statvfs(volume.c_str(), &space) == 0) usage.root_used_bytes = (space.f_blocks - space.f_bfree) * space.f_frsize;
  struct stat status{};
  if (::stat(volume.c_str(), &status) != 0) return;
  std::ifstream file(fmt::format("/sys/dev/block/{}:{}/stat", major(status.st_dev), minor(status.st_dev)));
  constexpr std::uint64_t sector_bytes = 512;
  std::uint64_t skipped = 0, sectors_read = 0, sectors_written = 0;
  file >> usage.disk_read_count >> skipped >> sectors_read >> skipped >> usage.disk_write_count >> skipped >>
      sectors_written;
  usage.disk_read_bytes = sectors_read * sector_bytes;
  usage.disk_write_bytes = sectors_written * sector_bytes;
}

// https://man7.org/linux/man-pages/man5/proc_net_dev.5.html
void read_network(pid_t pid, InstanceUsage& usage) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/net/dev");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos || !line.substr(0, colon).ends_with("eth0")) continue;
    std::istringstream fields(line.substr(colon + 1));
    std::uint64_t skipped = 0;
    fields >> usage.network_in_bytes >> usage.network_in_packets;
    for (int i = 0; i < 6; ++i) fields >> skipped;
    fields >> usage.network_out_bytes >> usage.network_out_packets;
  }
}

}  // namespace

Result<InstanceUsage> read_usage(pid_t pid, const fs::path& volume) {
  auto folders = cgroup_folders(pid);
  if (folders.empty()) return Error(ErrorKind::not_found, "the instance does not run");
  InstanceUsage usage;
  if (folders.contains("memory"))
    read_v1(folders, usage);
  else
    read_v2(folders[""], usage);
  read_network(pid, usage);
  read_volume(volume, usage);
  return usage;
}

}  // namespace hearth::oci
