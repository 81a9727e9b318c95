// What runs first inside an instance: the script that its init starts, and the files it needs.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "ports/instance_runtime.h"

namespace hearth::oci {

// Where `boot_folder` is shown inside, read-only.
inline constexpr const char* boot_folder_inside = "/run/hearth";

// Fills the folder: catatonit (the init), boot (the script below) and user-data.
Result<void> write_boot_folder(const std::filesystem::path& boot_folder, const InstanceSpec& spec);

// Names, addresses, environment and SSH keys inside the mounted root. At every start, since some may have changed.
Result<void> write_instance_files(const std::filesystem::path& root, const InstanceSpec& spec);

}  // namespace hearth::oci
