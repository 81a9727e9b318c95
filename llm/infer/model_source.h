// Finds the model an operator names and brings it into the form libllama loads.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "llm/infer/scratch_folder.h"

namespace hearth::llm::infer {

// Where converted and downloaded models are kept: $XDG_CACHE_HOME or ~/.cache, below cloudhearth/models; without a
// home, the system's temporary folder.
std::filesystem::path default_model_cache();

// A GGUF file to load. What was fetched only for this process is removed with this object; a loaded model stays usable,
// because it has its file mapped.
class LocatedModel {
 public:
  explicit LocatedModel(std::filesystem::path file, std::optional<ScratchFolder> scratch = {})
      : file_(std::move(file)), scratch_(std::move(scratch)) {}
  const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
  std::optional<ScratchFolder> scratch_;
};

// `source` is a GGUF file, a folder with one, or a Hugging Face folder, which is converted once into `cache` and again
// when its files change; or an s3:// URI of any of them, which is fetched anew each time: what lies there may have
// changed without changing its size. Progress goes to stderr.
Result<LocatedModel> locate_model(const std::string& source, const std::filesystem::path& cache);

// What the model is called when nobody says: the last part of `source`, without ".gguf".
std::string model_name_of(const std::string& source);

}  // namespace hearth::llm::infer
