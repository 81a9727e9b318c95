// NVIDIA's management library, out of the host's driver: which GPUs there are and what they are doing. Loaded by
// dlopen, since most hosts have none. Safe from any thread.
// https://docs.nvidia.com/deploy/nvml-api/
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ports/instance_runtime.h"

namespace hearth::oci {

struct NvmlGpu {
  std::string uuid, name;
  int minor = 0;  // /dev/nvidia<minor>; not the index that nvidia-smi shows
  std::uint64_t memory_bytes = 0;
};

class Nvml {
 public:
  // `library`: a path, or a name that the loader looks for. unavailable when it is not there or finds no driver.
  static Result<std::unique_ptr<Nvml>> open(const std::string& library);
  ~Nvml();
  Nvml(const Nvml&) = delete;

  // Those this process may use; one that fell off the bus is left out.
  std::vector<NvmlGpu> gpus() const;
  // Empty for a GPU that is no longer there.
  std::optional<GpuUsage> usage(const std::string& uuid) const;

 private:
  struct Functions;
  explicit Nvml(std::unique_ptr<Functions> functions);
  const std::unique_ptr<Functions> functions_;
};

}  // namespace hearth::oci
