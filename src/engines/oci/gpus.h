// The NVIDIA GPUs of this host: which there are, what an instance that holds some of them is given, what they are
// doing. From NVML where its library is, else from what the kernel driver says in /proc. Safe from any thread.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engines/oci/nvml.h"
#include "ports/instance_runtime.h"

namespace hearth::oci {

// Where the driver is. Tests put others in their place.
struct GpuPlaces {
  std::string nvml_library = "libnvidia-ml.so.1";
  std::filesystem::path driver = "/proc/driver/nvidia";
  std::filesystem::path devices = "/dev";
};

struct DeviceNode {
  std::string path_inside;  // "/dev/nvidia0"
  unsigned major = 0, minor = 0;
};

// What an instance gets of the host's GPUs.
struct GpuGrant {
  std::vector<std::string> uuids;  // in the order the instance will number them
  std::vector<DeviceNode> nodes;
  std::vector<std::string> hidden_paths;  // in /proc: those of other GPUs
  std::vector<std::string> driver_files;  // to be shown read-only at the same path
};

class Gpus {
 public:
  explicit Gpus(GpuPlaces places = {}) : places_(std::move(places)) {}

  std::vector<HostGpu> list() const;
  // unavailable when one of them is not there, or has no device node.
  Result<GpuGrant> grant(const std::vector<std::string>& uuids) const;
  // One for each of `uuids`, without figures where the GPU is lost; empty without NVML.
  std::vector<GpuUsage> usage(const std::vector<std::string>& uuids) const;

 private:
  const Nvml* nvml() const;
  std::vector<NvmlGpu> find() const;
  std::vector<std::string> paths_of_others(const std::vector<std::string>& uuids) const;

  const GpuPlaces places_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<Nvml> nvml_;
};

// The files of the driver that a container engine has mounted one by one into the root that this process sees: the
// overlay that instances see does not show them. `mountinfo` is the text of /proc/self/mountinfo.
std::vector<std::string> mounted_driver_files(const std::string& mountinfo);

}  // namespace hearth::oci
