// The OCI bundle of an instance: what the runtime is told about its processes, limits, devices and mounts.
// https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config.md
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engines/oci/gpus.h"
#include "ports/instance_runtime.h"

namespace hearth::oci {

struct BundlePlan {
  std::filesystem::path root;         // the mounted overlay
  std::filesystem::path boot_folder;  // shown read-only at boot_folder_inside
  std::string cgroup_path;            // "/hearth/i-…"
  std::string network_path;           // of its network namespace
  std::vector<int> cpus;              // the instance's processes run on these only
  GpuGrant gpus;
};

// The text of config.json.
std::string bundle_configuration(const InstanceSpec& spec, const BundlePlan& plan);

}  // namespace hearth::oci
