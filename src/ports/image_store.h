// Images that instances boot from besides the host itself: root file systems, unpacked from archives that users made.
// Safe from any thread. Implemented by engines/images, engines/memory; contract: ports/image_store_contract.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/bytes.h"

namespace hearth {

struct StoredImage {
  std::string path;              // of its root folder, for InstanceSpec::image_path
  std::uint64_t size_bytes = 0;  // of what is in its files
  std::uint64_t file_count = 0;
  std::map<std::string, std::string> environment;  // what a container image sets for its processes
};

struct ImportProgress {
  std::string step;  // "reading the archive", "unpacking"
  int percent = 0;   // of the whole import
};
// Told now and then while an import runs; answering false ends it with ErrorKind::cancelled.
using ImportObserver = std::function<bool(const ImportProgress&)>;

class ImageStore {
 public:
  virtual ~ImageStore() = default;

  // Empty when images can be unpacked here; else one sentence per missing thing.
  virtual std::vector<std::string> missing_requirements() const = 0;

  // Reads `archive` to its end: a tar file of a root file system, an OCI image layout as tar, or what `docker save`
  // writes; plain or compressed. Durable when it returns. invalid with a sentence for whoever made the archive,
  // no_space, cancelled; of an import that failed, or that a crash cut off, nothing stays. An image that is there
  // already stays as it is and nothing is read. One import per id at a time.
  virtual Async<StoredImage> import_image(const std::string& id, ByteSource& archive,
                                          const ImportObserver& observer) = 0;
  // not_found when there is no such image.
  virtual Async<StoredImage> find(const std::string& id) = 0;
  // The ids of all images that are whole.
  virtual Async<std::vector<std::string>> list() = 0;
  // Only when no instance uses it. Removing what is gone succeeds.
  virtual Async<void> remove(const std::string& id) = 0;
};

}  // namespace hearth
