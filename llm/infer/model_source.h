// Finds the model an operator names and brings it into the form libllama loads.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace hearth::llm::infer {

// Where converted and downloaded models are kept: $XDG_CACHE_HOME or ~/.cache, below cloudhearth/models; without a
// home, the system's temporary folder.
std::filesystem::path default_model_cache();

// `source` is a GGUF file, a folder with one, or a Hugging Face folder, which is converted once into `cache` and again
// when its files change. Progress goes to stderr.
Result<std::filesystem::path> locate_model(const std::string& source, const std::filesystem::path& cache);

// What the model is called when nobody says: the last part of `source`, without ".gguf".
std::string model_name_of(const std::string& source);

}  // namespace hearth::llm::infer
