// Runs a function on a thread of its own that sees `root` as "/" and stands in it: no path, link or ".." leads outside.
// The rest of the process is not touched. Names are UTF-8 there, whatever the server's locale. Needs root; blocks.
#pragma once

#include <filesystem>
#include <functional>

#include "base/result.h"

namespace hearth::images {

Result<void> run_in_jail(const std::filesystem::path& root, const std::function<Result<void>()>& work);

}  // namespace hearth::images
