// What an instance has used, from its cgroup (v1, hybrid or v2), its network namespace and its root volume's device.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/result.h"
#include "ports/instance_runtime.h"

namespace hearth::oci {

// `pid` is the instance's init, `volume` where its root volume is mounted. What the kernel does not tell stays zero.
Result<InstanceUsage> read_usage(pid_t pid, const std::filesystem::path& volume);

}  // namespace hearth::oci
