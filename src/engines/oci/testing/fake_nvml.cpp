// Stands for libnvidia-ml.so.1. The file that the environment variable FAKE_NVML names holds a line for each GPU, in
// PCI order; it is read anew at every call, so that a test can change it:
//
//   uuid;name;minor;memory total MiB;memory used MiB;utilization;memory utilization;temperature;milliwatts
//
// "-" in place of a figure: this GPU does not tell it. A line whose uuid is "lost" is a GPU that fell off the bus.
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr int success = 0, invalid_argument = 2, not_supported = 3, not_found = 6, driver_not_loaded = 9,
              gpu_is_lost = 15;

enum Field { uuid, name, minor_number, memory_total, memory_used, utilization, memory_utilization, temperature, power };
using Gpu = std::array<std::string, power + 1>;

std::vector<Gpu> gpus() {
  std::vector<Gpu> found;
  const char* path = std::getenv("FAKE_NVML");
  std::ifstream file(path ? path : "");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    Gpu& gpu = found.emplace_back();
    for (std::string& field : gpu) std::getline(fields, field, ';');
  }
  return found;
}

// A device handle is the GPU's place in the file, counted from one.
Gpu gpu_of(void* device) {
  return gpus().at(reinterpret_cast<std::size_t>(device) - 1);
}

int copy_text(const std::string& text, char* into, unsigned size) {
  if (text.size() >= size) return invalid_argument;
  std::memcpy(into, text.c_str(), text.size() + 1);
  return success;
}

template <class T>
int tell(const std::string& figure, T factor, T* into) {
  if (figure == "-") return not_supported;
  *into = static_cast<T>(std::stoull(figure)) * factor;
  return success;
}

}  // namespace

extern "C" {

struct FakeMemory {
  unsigned long long total, free, used;
};
struct FakeUtilization {
  unsigned gpu, memory;
};

int nvmlInit_v2() {
  return std::getenv("FAKE_NVML") ? success : driver_not_loaded;
}
int nvmlShutdown() {
  return success;
}
const char* nvmlErrorString(int status) {
  return status == driver_not_loaded ? "Driver Not Loaded" : "another error";
}

int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = static_cast<unsigned>(gpus().size());
  return success;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  const auto all = gpus();
  if (index >= all.size()) return invalid_argument;
  if (all[index][uuid] == "lost") return gpu_is_lost;
  *device = reinterpret_cast<void*>(std::size_t{index} + 1);
  return success;
}

int nvmlDeviceGetHandleByUUID(const char* wanted, void** device) {
  const auto all = gpus();
  for (std::size_t index = 0; index < all.size(); ++index) {
    if (all[index][uuid] != wanted) continue;
    *device = reinterpret_cast<void*>(index + 1);
    return success;
  }
  return not_found;
}

int nvmlDeviceGetName(void* device, char* into, unsigned size) {
  return copy_text(gpu_of(device)[name], into, size);
}
int nvmlDeviceGetUUID(void* device, char* into, unsigned size) {
  return copy_text(gpu_of(device)[uuid], into, size);
}
int nvmlDeviceGetMinorNumber(void* device, unsigned* into) {
  return tell(gpu_of(device)[minor_number], 1U, into);
}
int nvmlDeviceGetTemperature(void* device, int, unsigned* into) {
  return tell(gpu_of(device)[temperature], 1U, into);
}
int nvmlDeviceGetPowerUsage(void* device, unsigned* into) {
  return tell(gpu_of(device)[power], 1U, into);
}

int nvmlDeviceGetMemoryInfo(void* device, FakeMemory* into) {
  const Gpu gpu = gpu_of(device);
  constexpr unsigned long long mib = 1 << 20;
  if (const int status = tell(gpu[memory_total], mib, &into->total); status != success) return status;
  if (const int status = tell(gpu[memory_used], mib, &into->used); status != success) return status;
  into->free = into->total - into->used;
  return success;
}

int nvmlDeviceGetUtilizationRates(void* device, FakeUtilization* into) {
  const Gpu gpu = gpu_of(device);
  if (const int status = tell(gpu[utilization], 1U, &into->gpu); status != success) return status;
  return tell(gpu[memory_utilization], 1U, &into->memory);
}

}  // extern "C"
