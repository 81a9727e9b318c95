#include "engines/memory/image_store.h"

#include <utility>

namespace hearth {

Async<StoredImage> MemoryImageStore::import_image(const std::string& id, ByteSource& archive,
                                                  const ImportObserver& observer) {
  std::function<void()> during;
  {
    std::lock_guard lock(mutex_);
    if (const auto found = images_.find(id); found != images_.end()) co_return found->second;
    if (next_error_) {
      Error error = *std::move(next_error_);
      next_error_.reset();
      co_return error;
    }
    during = during_imports_;
  }
  constexpr std::size_t archive_bytes_max = 64 << 20;
  CO_TRY(const std::string bytes, co_await read_all(archive, archive_bytes_max));
  if (during) during();
  if (!observer({.step = "unpacking", .percent = 50}))
    co_return Error(ErrorKind::cancelled, "the import was cancelled");
  constexpr std::size_t magic_offset = 257;
  if (bytes.size() < magic_offset || !std::string_view(bytes).substr(magic_offset).starts_with("ustar"))
    co_return Error(ErrorKind::invalid, "this is no tar archive");
  std::lock_guard lock(mutex_);
  StoredImage& image = images_[id];
  image = {.path = "/images/" + id, .size_bytes = bytes.size(), .file_count = 1, .environment = environment_};
  co_return image;
}

Async<StoredImage> MemoryImageStore::find(const std::string& id) {
  std::lock_guard lock(mutex_);
  const auto found = images_.find(id);
  if (found == images_.end()) co_return Error(ErrorKind::not_found, "no such image");
  co_return found->second;
}

Async<std::vector<std::string>> MemoryImageStore::list() {
  std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, image] : images_) ids.push_back(id);
  co_return ids;
}

Async<void> MemoryImageStore::remove(const std::string& id) {
  std::lock_guard lock(mutex_);
  images_.erase(id);
  co_return ok;
}

void MemoryImageStore::fail_next_import(Error error) {
  std::lock_guard lock(mutex_);
  next_error_ = std::move(error);
}

void MemoryImageStore::set_environment(std::map<std::string, std::string> environment) {
  std::lock_guard lock(mutex_);
  environment_ = std::move(environment);
}

void MemoryImageStore::during_imports(std::function<void()> what) {
  std::lock_guard lock(mutex_);
  during_imports_ = std::move(what);
}

}  // namespace hearth
