// Blobs as files in a folder of this machine. Safe from any thread.
#pragma once

#include <filesystem>
#include <memory>

#include "base/executor.h"
#include "base/ids.h"
#include "ports/blob_store.h"

namespace hearth {

// Makes the folder when missing and removes what unfinished puts left. `pool` runs everything that touches the disk.
Result<std::unique_ptr<BlobStore>> open_local_blob_store(const std::filesystem::path& folder, const Clock& clock,
                                                         IdSource& ids, Executor& pool);

}  // namespace hearth
