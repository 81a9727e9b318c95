// An InstanceRuntime on this host: runc and conmon, an overlay over the host's own root (or an imported image) with the
// root volume on top, cgroup limits, a network namespace with security groups. Instances outlive this process; a new
// one on the same folder finds them. Needs root; missing_requirements() says what else.
#pragma once

#include <filesystem>
#include <memory>

#include "base/executor.h"
#include "base/result.h"
#include "engines/oci/gpus.h"
#include "ports/instance_runtime.h"

namespace hearth {

struct OciRuntimeOptions {
  std::filesystem::path folder;       // instances/ in the data folder
  std::filesystem::path data_folder;  // hidden from instances
  oci::GpuPlaces gpu_places = {};
};

// Changes nothing on a host that lacks requirements: the runtime then refuses every start. Blocking work runs on
// `pool`.
Result<std::unique_ptr<InstanceRuntime>> open_oci_instance_runtime(OciRuntimeOptions options, ThreadPool& pool,
                                                                   const Clock& clock);

}  // namespace hearth
