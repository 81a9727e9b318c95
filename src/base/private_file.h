// Small files that only their owner may read: keys, state. Blocking.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace hearth {

// Written aside and renamed: a crash leaves the old file or the whole new one. Durable when it returns, mode 0600.
// no_space when the disk is full, unavailable otherwise.
Result<void> write_private_file(const std::filesystem::path& path, std::string_view content);

}  // namespace hearth
