// The root volume of an instance: a sparse ext4 image of exactly the asked size, mounted through a loop device, whose
// files lie over the host's own root (or an imported image) as an overlay. Blocking; the caller serialises per
// instance.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace hearth::oci {

// The folders of one instance.
struct VolumePaths {
  std::filesystem::path image;   // volume.img
  std::filesystem::path volume;  // where the image is mounted: upper/ and work/
  std::filesystem::path root;    // where the overlay is mounted: the instance's /
};

// Makes the image when there is none: a copy of one of the same size without files, which is kept in `templates`.
// no_space when the host's disk cannot hold its file system.
Result<void> create_volume(const VolumePaths& paths, std::uint64_t size_bytes, const std::filesystem::path& templates);

// Until then, a host that goes down may take the volume with it.
Result<void> make_volume_durable(const VolumePaths& paths);

// Mounts volume and overlay. `layers` are the read-only folders below, uppermost first.
Result<void> mount_root(const VolumePaths& paths, const std::vector<std::filesystem::path>& layers);

// Unmounts both; nothing mounted is fine. unavailable while something still uses them.
Result<void> unmount_root(const VolumePaths& paths);

bool is_mounted(const std::filesystem::path& path);

// A tmpfs for layers (overlayfs wants them on another file system than /), and in it
//   additions/  shutdown, poweroff, halt and reboot that end the instance; lies over every image
// What is there already stays: running instances use it.
Result<void> prepare_layers(const std::filesystem::path& folder);

// Makes the layer that hides what an instance must not see of the host as it is now: homes, other people's data, keys,
// `data_folder`. `mask` must not exist. After an error it is not whole: an instance that got it would see too much.
Result<void> make_host_mask(const std::filesystem::path& mask, const std::filesystem::path& data_folder);

// Writes a file inside a root that its instance may have filled with symbolic links: none leads outside.
// Missing folders are made; what was there is replaced.
Result<void> write_file_in_root(const std::filesystem::path& root, const std::string& path, std::string_view content,
                                unsigned mode = 0644);

}  // namespace hearth::oci
