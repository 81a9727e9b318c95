// The console of an instance as one growing byte string, read from the log its conmon writes. Blocking; the caller
// serialises per instance. https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace hearth::oci {

// conmon begins its file anew beyond this size, so that an instance that talks without end cannot fill the host's disk.
// What was not read by then is gone.
inline constexpr std::uint64_t console_file_bytes_max = 64 << 20;

class ConsoleReader {
 public:
  explicit ConsoleReader(std::filesystem::path folder)
      : log_(folder / "console.log"), place_(folder / "console.place") {}

  // At most `limit_bytes` from `offset` on; empty at the end. An offset before what is kept reads from the start of
  // what is kept.
  Result<std::string> read(std::uint64_t offset, std::size_t limit_bytes);

 private:
  struct Place {
    std::uint64_t offset = 0;  // in the whole console
    off_t position = 0;        // in the file; the start of a line
  };
  bool open_file();
  // Text from `place` on, until it holds `wanted` bytes or the file ends; `place` moves to the last start of a line
  // that is not beyond them.
  std::string take_lines(Place& place, std::size_t wanted) const;

  std::filesystem::path log_;
  std::filesystem::path place_;  // inode of the file and where its text begins in the whole console
  Descriptor file_;
  std::uint64_t inode_ = 0;
  std::uint64_t begins_at_ = 0;  // offset of the file's first byte of text in the whole console
  Place known_;                  // where reading goes on without a second look at what came before
};

}  // namespace hearth::oci
