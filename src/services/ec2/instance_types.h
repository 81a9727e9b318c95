// The catalogue of instance types, with the figures AWS publishes. https://aws.amazon.com/ec2/instance-types/
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ports/instance_runtime.h"

namespace hearth::ec2 {

struct InstanceType {
  std::string_view name;  // "g5.xlarge"
  int vcpu_count = 0;
  int memory_mib = 0;
  int gpu_count = 0;
  std::string_view gpu_name;  // "A10G"
  int gpu_memory_mib = 0;     // of each
  double clock_ghz = 0;
  std::string_view manufacturer;  // of the processor
  std::string_view network_performance;

  // t types share processors with each other; all others have theirs to themselves. Memory is never shared.
  bool is_burstable() const { return name.starts_with("t"); }
};

// On one's own hardware any NVIDIA GPU stands for the type's, provided it has as much memory. Where the memory is not
// known, the model must be the type's.
bool is_good_enough(const HostGpu& gpu, const InstanceType& type);

std::span<const InstanceType> instance_types();
const InstanceType* find_instance_type(std::string_view name);

// What running machines hold of a host.
struct CapacityInUse {
  int vcpu_count = 0;  // of types that do not share
  std::uint64_t memory_bytes = 0;
  std::vector<std::string> gpu_uuids;

  void add(const InstanceType& type, const std::vector<std::string>& its_gpu_uuids);
  // GPUs of `host` that nobody holds and that are good enough for `type`: as many as it has, or fewer where there are
  // fewer; those with the least memory first, so that the large ones stay for types that need them.
  std::vector<std::string> free_gpus(const InstanceType& type, const HostCapacity& host) const;
};

// Empty when one more machine of `type` fits; else a sentence that says what the host has and what is taken.
std::string why_it_does_not_fit(const InstanceType& type, const HostCapacity& host, const CapacityInUse& in_use);

}  // namespace hearth::ec2
