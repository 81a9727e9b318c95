// Puts the members of archives onto a root file system, layer over layer. Runs in a jail (jail.h): "/" is that root.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>

#include "base/result.h"
#include "engines/images/archive.h"

struct archive;

namespace hearth::images {

struct RootLimits {
  std::uint64_t unpacked_bytes_max = std::uint64_t{128} << 30;
  std::uint64_t file_count_max = 4'000'000;     // members of archives, whatever becomes of them
  std::uint64_t name_bytes_max = 256ULL << 20;  // of the names in one layer, which are kept in memory
  // What must stay free on the disk: the rest of the server lives there too.
  std::uint64_t free_bytes_min = std::uint64_t{1} << 30;
};

// Whether names that begin with ".wh." remove what layers below have.
// https://github.com/opencontainers/image-spec/blob/v1.1.0/layer.md#whiteouts
enum class Whiteouts : std::uint8_t { honoured, ordinary_files };

class RootWriter {
 public:
  // `go_on` is asked every now and then; false ends the work with ErrorKind::cancelled.
  RootWriter(RootLimits limits, std::function<bool()> go_on) : limits_(limits), go_on_(std::move(go_on)) {}

  Result<void> add_layer(ArchiveReader& layer, Whiteouts whiteouts);

  std::uint64_t size_bytes() const { return size_bytes_; }
  std::uint64_t file_count() const { return file_count_; }

 private:
  Result<void> add_member(ArchiveReader& layer, archive* disk, archive_entry* member, const std::string& path);
  Result<void> copy_content(ArchiveReader& layer, archive* disk);
  Result<void> make_way(const std::string& path, bool for_folder);
  Result<void> apply_whiteout(const std::string& path);
  Result<void> check_room();
  Result<void> note_made(const std::string& path);

  const RootLimits limits_;
  const std::function<bool()> go_on_;
  std::uint64_t size_bytes_ = 0, file_count_ = 0, steps_ = 0;
  std::uint64_t name_bytes_ = 0;                 // in made_here_
  std::unordered_set<std::string> opaque_here_;  // folders that the layer at work has emptied
  std::unordered_set<std::string> made_here_;    // paths of the layer at work, with the folders above them
};

}  // namespace hearth::images
