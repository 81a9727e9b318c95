// What this host has and what it lacks for running instances. Reads /proc, /sys and the tools' places; changes nothing.
#pragma once

#include <string>
#include <vector>

#include "ports/instance_runtime.h"

namespace hearth::oci {

// Processors and memory; GPUs are gpus.h's.
HostCapacity host_capacity();

// One sentence per thing that is missing; empty when instances can be isolated.
std::vector<std::string> missing_on_this_host();

// The OCI runtime to use: runc, which takes every cgroup layout (crun 1.8 refuses a hybrid one).
inline constexpr const char* runtime_tool = "runc";

}  // namespace hearth::oci
