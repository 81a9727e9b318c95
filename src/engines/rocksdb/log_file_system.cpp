#include "engines/rocksdb/log_file_system.h"

#include <fcntl.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include "base/file.h"
#include "base/log.h"

namespace hearth {
namespace {

class LogFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  LogFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::string path)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)) {}

  using FSWritableFileOwnerWrapper::Append;
  rocksdb::IOStatus Append(const rocksdb::Slice& bytes, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    if (has_failed_) return lost();
    rocksdb::IOStatus appended = FSWritableFileOwnerWrapper::Append(bytes, options, debug);
    if (appended.ok()) size_bytes_ += bytes.size();
    return appended;
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    return synced([&] { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    return synced([&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }

 private:
  template <class Sync>
  rocksdb::IOStatus synced(const Sync& sync) {
    if (has_failed_) return lost();
    rocksdb::IOStatus status = sync();
    if (status.ok()) {
      synced_bytes_ = size_bytes_;
      return status;
    }
    has_failed_ = true;
    take_back();
    status.SetRetryable(true);  // on another file: resuming begins one
    return status;
  }

  void take_back() const {
    const Descriptor file(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file || ::ftruncate(file.get(), static_cast<off_t>(synced_bytes_)) != 0 || ::fsync(file.get()) != 0)
      log::error("a failed write may stay in the log of the rows", {{"why", disk_error("", path_).detail()}});
  }

  static rocksdb::IOStatus lost() {
    rocksdb::IOStatus status = rocksdb::IOStatus::IOError("a sync of this log failed before");
    status.SetRetryable(true);
    return status;
  }

  std::string path_;
  std::uint64_t size_bytes_ = 0, synced_bytes_ = 0;
  bool has_failed_ = false;
};

class LogFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  static const char* kClassName() { return "hearth"; }
  const char* Name() const override { return kClassName(); }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus made = FileSystemWrapper::NewWritableFile(path, options, file, debug);
    if (made.ok() && path.ends_with(".log")) *file = std::make_unique<LogFile>(std::move(*file), path);
    return made;
  }
};

}  // namespace

std::unique_ptr<rocksdb::Env> make_log_file_system() {
  return rocksdb::NewCompositeEnv(std::make_shared<LogFileSystem>(rocksdb::FileSystem::Default()));
}

}  // namespace hearth
