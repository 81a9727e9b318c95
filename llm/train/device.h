// Where the computing is done: on the processor, or on an NVIDIA GPU. The GPU's half of libtorch is loaded only where
// it is wanted, so the program starts anywhere.
#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <string>

#include "llm/train/options.h"

namespace hearth::llm::train {

struct ChosenDevice {
  c10::Device device = c10::kCPU;
  std::string reason;  // in words for the user: why this one
};

// Where GPUs and libraries are. Tests put others in their place.
struct DevicePlaces {
  std::filesystem::path devices = "/dev";
  std::string cuda_library = "libtorch_cuda.so";  // beside the program, in lib/
};

// `automatic` takes the first GPU where one works, else the processor, and says why. `cuda` fails (usage) with what is
// missing. To be called before anything else of libtorch: it asks for GPUs once and remembers the answer.
ChosenDevice choose_device(DeviceChoice choice, const DevicePlaces& places = {});

}  // namespace hearth::llm::train
