// Makes the images that import tasks ask for, one after the other, and removes those that nobody names any more. A task
// is a row, so one that a crash or a stop cut off begins again. Safe from any thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/background.h"
#include "base/time.h"
#include "ports/image_store.h"
#include "ports/metadata_store.h"
#include "ports/object_reader.h"
#include "services/ec2/rows.h"

namespace hearth::ec2 {

class ImageImporter {
 public:
  ImageImporter(MetadataStore& store, ImageStore& images, ObjectReader& objects, const Clock& clock)
      : store_(store), images_(images), objects_(objects), clock_(clock) {}

  void start();
  // An import under way is given up, and begun again by the next start().
  void stop();
  // After a commit: what it changed is looked at soon.
  void wake();
  // After a commit that made a task "deleting": ends the import if it is under way.
  void cancel(const std::string& task_id);

  // What the background does: every task that waits, then the removal of images. Blocks: for plain threads.
  Result<void> run_once();

  // Of a task that is being worked on; zero for others.
  ImportProgress progress(const std::string& task_id) const;

 private:
  Result<void> perform(const ImportTaskRow& task);
  Async<StoredImage> make_image(const ImportTaskRow& task);
  Async<void> write_outcome(const ImportTaskRow& task, const Result<StoredImage>& image);
  Result<void> remove_unused_images();

  MetadataStore& store_;
  ImageStore& images_;
  ObjectReader& objects_;
  const Clock& clock_;

  mutable std::mutex mutex_;  // of what follows
  std::map<std::string, ImportProgress> progress_;
  std::set<std::string> cancelled_;

  std::atomic<bool> stopping_ = false;
  std::unique_ptr<BackgroundLoop> loop_;
};

}  // namespace hearth::ec2
