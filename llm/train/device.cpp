#include "llm/train/device.h"

#include <ATen/Context.h>
#include <dlfcn.h>

#include <optional>

#include "llm/common/failure.h"

namespace hearth::llm::train {

namespace {

bool has_gpu_node(const std::filesystem::path& devices) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(devices, ignored)) {
    const std::string name = entry.path().filename();
    constexpr std::string_view prefix = "nvidia";
    if (name.starts_with(prefix) && name.find_first_not_of("0123456789", prefix.size()) == std::string::npos &&
        name.size() > prefix.size())
      return true;
  }
  return false;
}

// Why there is no GPU to compute on; nothing when there is one, and libtorch can use it.
std::optional<std::string> why_no_gpu(const DevicePlaces& places) {
  if (!has_gpu_node(places.devices))
    return fmt::format(
        "this machine has no NVIDIA GPU ({} has no nvidia0); on an instance that is a matter of its type",
        places.devices.string());
  // Never closed: what it registers in libtorch stays in use to the end. It is looked for beside the program, whose
  // run path names lib/.
  if (!::dlopen(places.cuda_library.c_str(), RTLD_NOW | RTLD_GLOBAL)) {
    const char* error = ::dlerror();
    return fmt::format(
        "libtorch's half for GPUs cannot be loaded ({}); ./dev setup and ./dev build on a host with a GPU "
        "fetch it, HEARTH_GPU=1 asks for it elsewhere",
        error ? error : places.cuda_library);
  }
  if (!at::hasCUDA() || at::detail::getCUDAHooks().getNumGPUs() == 0)
    return "the NVIDIA driver offers libtorch no GPU; CUDA 13 needs a driver of version 580 or later";
  return std::nullopt;
}

}  // namespace

ChosenDevice choose_device(DeviceChoice choice, const DevicePlaces& places) {
  if (choice == DeviceChoice::cpu) return {c10::kCPU, "asked for"};
  const std::optional<std::string> obstacle = why_no_gpu(places);
  if (!obstacle) return {c10::Device(c10::kCUDA, 0), "the first GPU"};
  if (choice == DeviceChoice::cuda) fail(FailureKind::usage, "--device cuda: {}", *obstacle);
  return {c10::kCPU, *obstacle};
}

}  // namespace hearth::llm::train
