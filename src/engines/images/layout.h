// Container images as archives: which members are the layers, lowest first, and what the image says of itself.
// https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md, and what `docker save` has written since
// 2014.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engines/images/archive.h"

namespace hearth::images {

struct Layer {
  std::string member;  // its path in the archive
  std::string sha256;  // hexadecimal, of its bytes as they are in the archive; empty: nobody said
  std::uint64_t size_bytes = 0;
};

struct Layout {
  std::vector<Layer> layers;
  std::map<std::string, std::string> environment;
};

// nullopt: the archive is no container image but a root file system itself. invalid with a sentence when it is one that
// cannot be used: several images, another architecture, a layer that is not there, too many of them.
Result<std::optional<Layout>> read_layout(int archive_fd, ArchiveBounds bounds);

}  // namespace hearth::images
