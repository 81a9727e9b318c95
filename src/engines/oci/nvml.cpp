#include "engines/oci/nvml.h"

#include <dlfcn.h>

#include <array>

namespace hearth::oci {
namespace {

// The little of nvml.h that we call. The names with _v2 are what its macros make of those without.
using Device = struct nvmlDevice_st*;
using Status = int;
constexpr Status success = 0;
constexpr int core_temperature = 0;  // NVML_TEMPERATURE_GPU
constexpr unsigned text_bytes = 96;  // NVML_DEVICE_NAME_V2_BUFFER_SIZE, NVML_DEVICE_UUID_V2_BUFFER_SIZE

struct Memory {
  unsigned long long total, free, used;
};
struct Utilization {
  unsigned gpu, memory;
};

}  // namespace

struct Nvml::Functions {
  void* library = nullptr;
  Status (*init)() = nullptr;
  Status (*shutdown)() = nullptr;
  const char* (*error_string)(Status) = nullptr;
  Status (*device_count)(unsigned*) = nullptr;
  Status (*device_by_index)(unsigned, Device*) = nullptr;
  Status (*device_by_uuid)(const char*, Device*) = nullptr;
  Status (*name)(Device, char*, unsigned) = nullptr;
  Status (*uuid)(Device, char*, unsigned) = nullptr;
  Status (*minor)(Device, unsigned*) = nullptr;
  Status (*memory)(Device, Memory*) = nullptr;
  Status (*utilization)(Device, Utilization*) = nullptr;
  Status (*temperature)(Device, int, unsigned*) = nullptr;
  Status (*power)(Device, unsigned*) = nullptr;  // milliwatts

  Functions() = default;
  Functions(const Functions&) = delete;
  ~Functions() {
    if (library) ::dlclose(library);
  }

  bool resolve_all() {
    const auto resolve = [&]<class F>(F*& function, const char* symbol) {
      function = reinterpret_cast<F*>(::dlsym(library, symbol));
      return function != nullptr;
    };
    return resolve(init, "nvmlInit_v2") && resolve(shutdown, "nvmlShutdown") &&
           resolve(error_string, "nvmlErrorString") && resolve(device_count, "nvmlDeviceGetCount_v2") &&
           resolve(device_by_index, "nvmlDeviceGetHandleByIndex_v2") &&
           resolve(device_by_uuid, "nvmlDeviceGetHandleByUUID") && resolve(name, "nvmlDeviceGetName") &&
           resolve(uuid, "nvmlDeviceGetUUID") && resolve(minor, "nvmlDeviceGetMinorNumber") &&
           resolve(memory, "nvmlDeviceGetMemoryInfo") && resolve(utilization, "nvmlDeviceGetUtilizationRates") &&
           resolve(temperature, "nvmlDeviceGetTemperature") && resolve(power, "nvmlDeviceGetPowerUsage");
  }
};

Nvml::Nvml(std::unique_ptr<Functions> functions) : functions_(std::move(functions)) {}

Nvml::~Nvml() {
  functions_->shutdown();
}

Result<std::unique_ptr<Nvml>> Nvml::open(const std::string& library) {
  auto functions = std::make_unique<Functions>();
  functions->library = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!functions->library) {
    const char* reason = ::dlerror();
    return Error(ErrorKind::unavailable, "NVIDIA's management library cannot be loaded", reason ? reason : "");
  }
  if (!functions->resolve_all())
    return Error(ErrorKind::unavailable, "NVIDIA's management library is too old", library);
  if (const Status status = functions->init(); status != success)
    return Error(ErrorKind::unavailable, "NVIDIA's management library finds no driver",
                 functions->error_string(status));
  return std::unique_ptr<Nvml>(new Nvml(std::move(functions)));
}

std::vector<NvmlGpu> Nvml::gpus() const {
  std::vector<NvmlGpu> gpus;
  unsigned count = 0;
  if (functions_->device_count(&count) != success) return gpus;
  for (unsigned i = 0; i < count; ++i) {
    Device device = nullptr;
    std::array<char, text_bytes> name{}, uuid{};
    unsigned minor = 0;
    Memory memory{};
    if (functions_->device_by_index(i, &device) != success ||
        functions_->uuid(device, uuid.data(), text_bytes) != success || functions_->minor(device, &minor) != success)
      continue;
    (void)functions_->name(device, name.data(), text_bytes);
    (void)functions_->memory(device, &memory);  // stays 0, unknown, where memory is the host's own
    gpus.push_back(
        {.uuid = uuid.data(), .name = name.data(), .minor = static_cast<int>(minor), .memory_bytes = memory.total});
  }
  return gpus;
}

std::optional<GpuUsage> Nvml::usage(const std::string& uuid) const {
  Device device = nullptr;
  if (functions_->device_by_uuid(uuid.c_str(), &device) != success) return std::nullopt;
  GpuUsage usage;
  std::array<char, text_bytes> name{};
  if (functions_->name(device, name.data(), text_bytes) == success) usage.name = name.data();
  if (Utilization utilization{}; functions_->utilization(device, &utilization) == success) {
    usage.utilization_percent = utilization.gpu;
    usage.memory_utilization_percent = utilization.memory;
  }
  if (Memory memory{}; functions_->memory(device, &memory) == success) {
    usage.memory_used_bytes = memory.used;
    usage.memory_total_bytes = memory.total;
  }
  if (unsigned celsius = 0; functions_->temperature(device, core_temperature, &celsius) == success)
    usage.temperature_celsius = celsius;
  if (unsigned milliwatts = 0; functions_->power(device, &milliwatts) == success)
    usage.power_watts = milliwatts / 1000.0;
  return usage;
}

}  // namespace hearth::oci
