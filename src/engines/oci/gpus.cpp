#include "engines/oci/gpus.h"

#include <fmt/ranges.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "engines/oci/command.h"

namespace hearth::oci {
namespace fs = std::filesystem;
namespace {

struct KernelGpu {
  fs::path folder;  // /proc/driver/nvidia/gpus/<PCI address>
  NvmlGpu gpu;
};

std::vector<KernelGpu> kernel_gpus(const fs::path& driver) {
  std::vector<KernelGpu> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(driver / "gpus", ignored)) {
    KernelGpu gpu{.folder = entry.path(), .gpu = {}};
    std::ifstream information(entry.path() / "information");
    for (std::string line; std::getline(information, line);) {
      const auto value = line.find_first_not_of(" \t", line.find(':') + 1);
      if (value == std::string::npos) continue;
      if (line.starts_with("Model:")) gpu.gpu.name = line.substr(value);
      if (line.starts_with("GPU UUID:")) gpu.gpu.uuid = line.substr(value);
      if (line.starts_with("Device Minor:")) gpu.gpu.minor = std::atoi(line.c_str() + value);
    }
    found.push_back(std::move(gpu));
  }
  std::ranges::sort(found, {}, &KernelGpu::folder);  // by PCI address, as NVML does
  return found;
}

std::optional<DeviceNode> find_node(const fs::path& devices, const std::string& name) {
  struct stat status{};
  if (::stat((devices / name).c_str(), &status) != 0 || !S_ISCHR(status.st_mode)) return std::nullopt;
  return DeviceNode{.path_inside = "/dev/" + name, .major = major(status.st_rdev), .minor = minor(status.st_rdev)};
}

std::string node_name(const NvmlGpu& gpu) {
  return "nvidia" + std::to_string(gpu.minor);
}

}  // namespace

// Looked for again as long as there is none: a driver may be installed while we run.
const Nvml* Gpus::nvml() const {
  std::lock_guard lock(mutex_);
  if (!nvml_)
    if (auto opened = Nvml::open(places_.nvml_library)) nvml_ = *std::move(opened);
  return nvml_.get();
}

std::vector<NvmlGpu> Gpus::find() const {
  std::vector<NvmlGpu> gpus;
  if (const Nvml* library = nvml()) {
    gpus = library->gpus();
  } else {
    // A container that was given some of the host's GPUs sees all of them in /proc, but only its own nodes.
    for (auto& [folder, gpu] : kernel_gpus(places_.driver))
      if (!gpu.uuid.empty() && find_node(places_.devices, node_name(gpu))) gpus.push_back(std::move(gpu));
  }
  return gpus;
}

std::vector<HostGpu> Gpus::list() const {
  std::vector<HostGpu> gpus;
  for (auto& gpu : find())
    gpus.push_back({.uuid = std::move(gpu.uuid), .name = std::move(gpu.name), .memory_bytes = gpu.memory_bytes});
  return gpus;
}

std::vector<std::string> Gpus::paths_of_others(const std::vector<std::string>& uuids) const {
  std::vector<std::string> paths;
  for (const auto& [folder, gpu] : kernel_gpus(places_.driver))
    if (std::ranges::find(uuids, gpu.uuid) == uuids.end()) paths.push_back(folder.string());
  return paths;
}

Result<GpuGrant> Gpus::grant(const std::vector<std::string>& uuids) const {
  GpuGrant grant;
  grant.hidden_paths = paths_of_others(uuids);
  if (uuids.empty()) return grant;
  // The nodes appear when something first uses the driver. CUDA needs -uvm, which opening NVML does not make.
  if (!find_node(places_.devices, "nvidia-uvm") && !find_tool("nvidia-modprobe").empty())
    (void)run_command({"nvidia-modprobe", "-u", "-c0"});
  for (const NvmlGpu& gpu : find()) {
    if (std::ranges::find(uuids, gpu.uuid) == uuids.end()) continue;
    const auto node = find_node(places_.devices, node_name(gpu));
    if (!node) return Error(ErrorKind::unavailable, "a GPU of this instance has no device node", node_name(gpu));
    grant.uuids.push_back(gpu.uuid);
    grant.nodes.push_back(*node);
  }
  if (grant.uuids.size() < uuids.size())
    return Error(ErrorKind::unavailable, "a GPU of this instance is no longer there",
                 fmt::format("{}", fmt::join(uuids, " ")));
  for (const char* name : {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"})
    if (const auto node = find_node(places_.devices, name)) grant.nodes.push_back(*node);
  std::ifstream mountinfo("/proc/self/mountinfo");
  grant.driver_files = mounted_driver_files({std::istreambuf_iterator<char>(mountinfo), {}});
  return grant;
}

std::vector<GpuUsage> Gpus::usage(const std::vector<std::string>& uuids) const {
  std::vector<GpuUsage> all;
  if (uuids.empty()) return all;
  if (const Nvml* library = nvml())
    for (const std::string& uuid : uuids) all.push_back(library->usage(uuid).value_or(GpuUsage{}));
  return all;
}

// https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
std::vector<std::string> mounted_driver_files(const std::string& mountinfo) {
  constexpr std::array prefixes = {"libcuda.so", "libcudadebugger.so", "libnvidia-",       "libnvcuvid.so",
                                   "nvidia-smi", "nvidia-debugdump",   "nvidia-cuda-mps-", "nvidia-persistenced"};
  std::vector<std::string> files;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string number, parent, device, root, place;
    fields >> number >> parent >> device >> root >> place;
    const std::string name = fs::path(place).filename();
    if (std::ranges::any_of(prefixes, [&](const char* prefix) { return name.starts_with(prefix); }))
      files.push_back(place);
  }
  return files;
}

}  // namespace hearth::oci
