#include "services/ec2/instance_types.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace hearth::ec2 {
namespace {

constexpr int gib = 1024;

// clang-format off
constexpr auto catalogue = std::to_array<InstanceType>({
    {"c5.large", 2, 4 * gib, 0, "", 0, 3.4, "Intel", "Up to 10 Gigabit"},
    {"c5.xlarge", 4, 8 * gib, 0, "", 0, 3.4, "Intel", "Up to 10 Gigabit"},
    {"c5.2xlarge", 8, 16 * gib, 0, "", 0, 3.4, "Intel", "Up to 10 Gigabit"},
    {"c5.4xlarge", 16, 32 * gib, 0, "", 0, 3.4, "Intel", "Up to 10 Gigabit"},
    {"c5.9xlarge", 36, 72 * gib, 0, "", 0, 3.4, "Intel", "12 Gigabit"},
    {"c5.12xlarge", 48, 96 * gib, 0, "", 0, 3.6, "Intel", "12 Gigabit"},
    {"c5.18xlarge", 72, 144 * gib, 0, "", 0, 3.4, "Intel", "25 Gigabit"},
    {"c5.24xlarge", 96, 192 * gib, 0, "", 0, 3.6, "Intel", "25 Gigabit"},
    {"c6i.large", 2, 4 * gib, 0, "", 0, 3.5, "Intel", "Up to 12.5 Gigabit"},
    {"c6i.xlarge", 4, 8 * gib, 0, "", 0, 3.5, "Intel", "Up to 12.5 Gigabit"},
    {"c6i.2xlarge", 8, 16 * gib, 0, "", 0, 3.5, "Intel", "Up to 12.5 Gigabit"},
    {"c6i.4xlarge", 16, 32 * gib, 0, "", 0, 3.5, "Intel", "Up to 12.5 Gigabit"},
    {"c6i.8xlarge", 32, 64 * gib, 0, "", 0, 3.5, "Intel", "12.5 Gigabit"},
    {"c6i.12xlarge", 48, 96 * gib, 0, "", 0, 3.5, "Intel", "18.75 Gigabit"},
    {"c6i.16xlarge", 64, 128 * gib, 0, "", 0, 3.5, "Intel", "25 Gigabit"},
    {"c6i.24xlarge", 96, 192 * gib, 0, "", 0, 3.5, "Intel", "37.5 Gigabit"},
    {"c6i.32xlarge", 128, 256 * gib, 0, "", 0, 3.5, "Intel", "50 Gigabit"},
    {"g4dn.xlarge", 4, 16 * gib, 1, "T4", 16 * gib, 2.5, "Intel", "Up to 25 Gigabit"},
    {"g4dn.2xlarge", 8, 32 * gib, 1, "T4", 16 * gib, 2.5, "Intel", "Up to 25 Gigabit"},
    {"g4dn.4xlarge", 16, 64 * gib, 1, "T4", 16 * gib, 2.5, "Intel", "Up to 25 Gigabit"},
    {"g4dn.8xlarge", 32, 128 * gib, 1, "T4", 16 * gib, 2.5, "Intel", "50 Gigabit"},
    {"g4dn.12xlarge", 48, 192 * gib, 4, "T4", 16 * gib, 2.5, "Intel", "50 Gigabit"},
    {"g4dn.16xlarge", 64, 256 * gib, 1, "T4", 16 * gib, 2.5, "Intel", "50 Gigabit"},
    {"g5.xlarge", 4, 16 * gib, 1, "A10G", 24 * gib, 3.3, "AMD", "Up to 10 Gigabit"},
    {"g5.2xlarge", 8, 32 * gib, 1, "A10G", 24 * gib, 3.3, "AMD", "Up to 10 Gigabit"},
    {"g5.4xlarge", 16, 64 * gib, 1, "A10G", 24 * gib, 3.3, "AMD", "Up to 25 Gigabit"},
    {"g5.8xlarge", 32, 128 * gib, 1, "A10G", 24 * gib, 3.3, "AMD", "25 Gigabit"},
    {"g5.12xlarge", 48, 192 * gib, 4, "A10G", 24 * gib, 3.3, "AMD", "40 Gigabit"},
    {"g5.16xlarge", 64, 256 * gib, 1, "A10G", 24 * gib, 3.3, "AMD", "25 Gigabit"},
    {"g5.24xlarge", 96, 384 * gib, 4, "A10G", 24 * gib, 3.3, "AMD", "50 Gigabit"},
    {"g5.48xlarge", 192, 768 * gib, 8, "A10G", 24 * gib, 3.3, "AMD", "100 Gigabit"},
    {"g6.xlarge", 4, 16 * gib, 1, "L4", 24 * gib, 3.4, "AMD", "Up to 10 Gigabit"},
    {"g6.2xlarge", 8, 32 * gib, 1, "L4", 24 * gib, 3.4, "AMD", "Up to 10 Gigabit"},
    {"g6.4xlarge", 16, 64 * gib, 1, "L4", 24 * gib, 3.4, "AMD", "Up to 25 Gigabit"},
    {"g6.8xlarge", 32, 128 * gib, 1, "L4", 24 * gib, 3.4, "AMD", "25 Gigabit"},
    {"g6.12xlarge", 48, 192 * gib, 4, "L4", 24 * gib, 3.4, "AMD", "40 Gigabit"},
    {"g6.16xlarge", 64, 256 * gib, 1, "L4", 24 * gib, 3.4, "AMD", "25 Gigabit"},
    {"g6.24xlarge", 96, 384 * gib, 4, "L4", 24 * gib, 3.4, "AMD", "50 Gigabit"},
    {"g6.48xlarge", 192, 768 * gib, 8, "L4", 24 * gib, 3.4, "AMD", "100 Gigabit"},
    {"g6e.xlarge", 4, 32 * gib, 1, "L40S", 48 * gib, 3.4, "AMD", "Up to 20 Gigabit"},
    {"g6e.12xlarge", 48, 384 * gib, 4, "L40S", 48 * gib, 3.4, "AMD", "100 Gigabit"},
    {"g6e.48xlarge", 192, 1536 * gib, 8, "L40S", 48 * gib, 3.4, "AMD", "400 Gigabit"},
    {"m5.large", 2, 8 * gib, 0, "", 0, 3.1, "Intel", "Up to 10 Gigabit"},
    {"m5.xlarge", 4, 16 * gib, 0, "", 0, 3.1, "Intel", "Up to 10 Gigabit"},
    {"m5.2xlarge", 8, 32 * gib, 0, "", 0, 3.1, "Intel", "Up to 10 Gigabit"},
    {"m5.4xlarge", 16, 64 * gib, 0, "", 0, 3.1, "Intel", "Up to 10 Gigabit"},
    {"m5.8xlarge", 32, 128 * gib, 0, "", 0, 3.1, "Intel", "10 Gigabit"},
    {"p3.2xlarge", 8, 61 * gib, 1, "V100", 16 * gib, 2.7, "Intel", "Up to 10 Gigabit"},
    {"p3.8xlarge", 32, 244 * gib, 4, "V100", 16 * gib, 2.7, "Intel", "10 Gigabit"},
    {"p3.16xlarge", 64, 488 * gib, 8, "V100", 16 * gib, 2.7, "Intel", "25 Gigabit"},
    {"p4d.24xlarge", 96, 1152 * gib, 8, "A100", 40 * gib, 3.0, "Intel", "4x 100 Gigabit"},
    {"p4de.24xlarge", 96, 1152 * gib, 8, "A100", 80 * gib, 3.0, "Intel", "4x 100 Gigabit"},
    {"p5.4xlarge", 16, 256 * gib, 1, "H100", 80 * gib, 2.6, "AMD", "100 Gigabit"},
    {"p5.48xlarge", 192, 2048 * gib, 8, "H100", 80 * gib, 2.6, "AMD", "3200 Gigabit"},
    {"p5e.48xlarge", 192, 2048 * gib, 8, "H200", 141 * gib, 2.6, "AMD", "3200 Gigabit"},
    {"r5.large", 2, 16 * gib, 0, "", 0, 3.1, "Intel", "Up to 10 Gigabit"},
    {"r5.xlarge", 4, 32 * gib, 0, "", 0, 3.1, "Intel", "Up to 10 Gigabit"},
    {"r5.2xlarge", 8, 64 * gib, 0, "", 0, 3.1, "Intel", "Up to 10 Gigabit"},
    {"r5.4xlarge", 16, 128 * gib, 0, "", 0, 3.1, "Intel", "Up to 10 Gigabit"},
    {"t3.nano", 2, 512, 0, "", 0, 2.5, "Intel", "Up to 5 Gigabit"},
    {"t3.micro", 2, 1 * gib, 0, "", 0, 2.5, "Intel", "Up to 5 Gigabit"},
    {"t3.small", 2, 2 * gib, 0, "", 0, 2.5, "Intel", "Up to 5 Gigabit"},
    {"t3.medium", 2, 4 * gib, 0, "", 0, 2.5, "Intel", "Up to 5 Gigabit"},
    {"t3.large", 2, 8 * gib, 0, "", 0, 2.5, "Intel", "Up to 5 Gigabit"},
    {"t3.xlarge", 4, 16 * gib, 0, "", 0, 2.5, "Intel", "Up to 5 Gigabit"},
    {"t3.2xlarge", 8, 32 * gib, 0, "", 0, 2.5, "Intel", "Up to 5 Gigabit"},
    {"t3a.micro", 2, 1 * gib, 0, "", 0, 2.2, "AMD", "Up to 5 Gigabit"},
    {"t3a.small", 2, 2 * gib, 0, "", 0, 2.2, "AMD", "Up to 5 Gigabit"},
    {"t3a.medium", 2, 4 * gib, 0, "", 0, 2.2, "AMD", "Up to 5 Gigabit"},
    {"t3a.large", 2, 8 * gib, 0, "", 0, 2.2, "AMD", "Up to 5 Gigabit"},
});
// clang-format on

}  // namespace

std::span<const InstanceType> instance_types() {
  return catalogue;
}

const InstanceType* find_instance_type(std::string_view name) {
  const auto found = std::ranges::find(catalogue, name, &InstanceType::name);
  return found == catalogue.end() ? nullptr : &*found;
}

bool is_good_enough(const HostGpu& gpu, const InstanceType& type) {
  // A driver shows a few percent less than what is printed on the box: 23028 MiB of an A10G's 24 GiB.
  constexpr double usable_share = 0.9;
  const double wanted_bytes = usable_share * static_cast<double>(static_cast<std::uint64_t>(type.gpu_memory_mib) << 20);
  if (gpu.memory_bytes == 0) return gpu.name.contains(type.gpu_name);
  return static_cast<double>(gpu.memory_bytes) >= wanted_bytes;
}

void CapacityInUse::add(const InstanceType& type, const std::vector<std::string>& its_gpu_uuids) {
  if (!type.is_burstable()) vcpu_count += type.vcpu_count;
  memory_bytes += static_cast<std::uint64_t>(type.memory_mib) << 20;
  gpu_uuids.insert(gpu_uuids.end(), its_gpu_uuids.begin(), its_gpu_uuids.end());
}

std::vector<std::string> CapacityInUse::free_gpus(const InstanceType& type, const HostCapacity& host) const {
  std::vector<HostGpu> free;
  for (const HostGpu& gpu : host.gpus)
    if (is_good_enough(gpu, type) && std::ranges::find(gpu_uuids, gpu.uuid) == gpu_uuids.end()) free.push_back(gpu);
  std::ranges::stable_sort(free, {}, &HostGpu::memory_bytes);
  std::vector<std::string> chosen;
  for (const HostGpu& gpu : free)
    if (static_cast<int>(chosen.size()) < type.gpu_count) chosen.push_back(gpu.uuid);
  return chosen;
}

std::string why_it_does_not_fit(const InstanceType& type, const HostCapacity& host, const CapacityInUse& in_use) {
  const auto mib = [](std::uint64_t bytes) { return bytes >> 20; };
  const int free_vcpus = type.is_burstable() ? host.vcpu_count : host.vcpu_count - in_use.vcpu_count;
  if (type.vcpu_count > free_vcpus)
    return fmt::format("{} needs {} vCPUs; this host has {}, of which {} are taken.", type.name, type.vcpu_count,
                       host.vcpu_count, type.is_burstable() ? 0 : in_use.vcpu_count);
  const std::uint64_t memory = static_cast<std::uint64_t>(type.memory_mib) << 20;
  if (in_use.memory_bytes + memory > host.memory_bytes)
    return fmt::format("{} needs {} MiB of memory; this host has {} MiB, of which {} MiB are taken.", type.name,
                       type.memory_mib, mib(host.memory_bytes), mib(in_use.memory_bytes));
  if (type.gpu_count > static_cast<int>(in_use.free_gpus(type, host).size())) {
    std::vector<std::string> present;
    for (const HostGpu& gpu : host.gpus) present.push_back(fmt::format("{} ({} MiB)", gpu.name, mib(gpu.memory_bytes)));
    return fmt::format("{} needs {} NVIDIA GPU{} with {} MiB of memory; this host has {}{}{}, of which {} are taken.",
                       type.name, type.gpu_count, type.gpu_count == 1 ? "" : "s", type.gpu_memory_mib, host.gpus.size(),
                       present.empty() ? "" : ": ", fmt::join(present, ", "), in_use.gpu_uuids.size());
  }
  return {};
}

}  // namespace hearth::ec2
