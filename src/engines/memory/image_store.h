// An ImageStore for tests: looks whether an archive is a tar file and forgets its content. Safe from any thread.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "ports/image_store.h"

namespace hearth {

class MemoryImageStore final : public ImageStore {
 public:
  std::vector<std::string> missing_requirements() const override { return {}; }
  Async<StoredImage> import_image(const std::string& id, ByteSource& archive, const ImportObserver& observer) override;
  Async<StoredImage> find(const std::string& id) override;
  Async<std::vector<std::string>> list() override;
  Async<void> remove(const std::string& id) override;

  // What tests arrange.
  void fail_next_import(Error error);
  void set_environment(std::map<std::string, std::string> environment);
  // Called in the middle of every import.
  void during_imports(std::function<void()> what);

 private:
  std::mutex mutex_;
  std::map<std::string, StoredImage> images_;
  std::map<std::string, std::string> environment_;
  std::optional<Error> next_error_;
  std::function<void()> during_imports_;
};

}  // namespace hearth
