// An ImageStore on a folder: one folder per image, made aside and renamed when it is whole and on the disk. Needs root.
#pragma once

#include <filesystem>
#include <memory>

#include "base/executor.h"
#include "base/result.h"
#include "engines/images/root_writer.h"
#include "ports/image_store.h"

namespace hearth {

struct FolderImageStoreOptions {
  std::filesystem::path folder;  // images/ in the data folder
  images::RootLimits limits;
};

// Removes what imports and removals that were cut off have left. Blocking work runs on `pool`.
Result<std::unique_ptr<ImageStore>> open_folder_image_store(FolderImageStoreOptions options, ThreadPool& pool);

}  // namespace hearth
