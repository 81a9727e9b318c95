// A folder below the model cache for what one process fetches or converts. It goes with this object, or with
// remove_scratch_folders(); what a process leaves that dies without either, the next one to make a folder there
// removes.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace hearth::llm::infer {

class ScratchFolder {
 public:
  static Result<ScratchFolder> make(const std::filesystem::path& cache);
  ScratchFolder(ScratchFolder&& other) noexcept;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  ScratchFolder(std::filesystem::path path, int lock_fd);
  std::filesystem::path path_;
  int lock_fd_ = -1;  // held while we live: how others know
};

// Removes those of this process, for one that ends in the middle of its work. From any thread.
void remove_scratch_folders();

}  // namespace hearth::llm::infer
