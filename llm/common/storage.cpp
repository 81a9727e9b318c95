#include "llm/common/storage.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "llm/common/failure.h"
#include "llm/common/s3_client.h"

namespace hearth::llm {
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t text_bytes_max = 256ull << 20;

bool is_s3(std::string_view uri) {
  return uri.starts_with("s3://");
}

fs::path path_of(const std::string& uri) {
  return uri.starts_with("file://") ? uri.substr(7) : uri;
}

class FileReader final : public ObjectReader {
 public:
  explicit FileReader(const fs::path& path) : name_(path.string()), file_(path, std::ios::binary) {
    std::error_code error;
    size_ = fs::file_size(path, error);
    if (!file_ || error) fail(FailureKind::storage, "cannot read {}", name_);
  }
  std::uint64_t size() const override { return size_; }

  std::size_t read_at(std::uint64_t offset, std::span<char> into) override {
    if (offset >= size_) return 0;
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(offset));
    file_.read(into.data(), static_cast<std::streamsize>(into.size()));
    if (file_.bad()) fail(FailureKind::storage, "cannot read {}", name_);
    return static_cast<std::size_t>(file_.gcount());
  }

 private:
  std::string name_;
  std::ifstream file_;
  std::uint64_t size_ = 0;
};

// Written under another name and renamed, so that a reader never meets half a file.
class FileWriter final : public ObjectWriter {
 public:
  explicit FileWriter(fs::path path) : path_(std::move(path)), unfinished_(path_) {
    unfinished_ += ".unfinished";
    std::error_code ignored;
    if (path_.has_parent_path()) fs::create_directories(path_.parent_path(), ignored);
    file_.open(unfinished_, std::ios::binary | std::ios::trunc);
    if (!file_) fail(FailureKind::storage, "cannot write {}", path_.string());
  }
  ~FileWriter() override {
    std::error_code ignored;
    if (!closed_) fs::remove(unfinished_, ignored);
  }

  void write(std::string_view bytes) override {
    file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file_) fail(FailureKind::storage, "cannot write {}: the disk may be full", path_.string());
  }

  void close() override {
    file_.close();
    std::error_code error;
    if (file_) fs::rename(unfinished_, path_, error);
    if (!file_ || error) fail(FailureKind::storage, "cannot write {}", path_.string());
    closed_ = true;
  }

 private:
  fs::path path_, unfinished_;
  std::ofstream file_;
  bool closed_ = false;
};

std::vector<std::string> list_files(const fs::path& path) {
  std::vector<std::string> found;
  if (fs::is_regular_file(path)) return {path.string()};
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(path, error))
    if (entry.is_regular_file()) found.push_back(entry.path().string());
  std::ranges::sort(found);
  return found;
}

}  // namespace

Storage::Storage() = default;
Storage::~Storage() = default;

S3Client& Storage::s3() {
  if (!s3_) s3_ = std::make_unique<S3Client>();
  return *s3_;
}

std::unique_ptr<ObjectReader> Storage::open(const std::string& uri) {
  if (is_s3(uri)) return s3().open(uri);
  return std::make_unique<FileReader>(path_of(uri));
}

std::unique_ptr<ObjectWriter> Storage::create(const std::string& uri) {
  if (is_s3(uri)) return s3().create(uri);
  return std::make_unique<FileWriter>(path_of(uri));
}

bool Storage::exists(const std::string& uri) {
  if (is_s3(uri)) return s3().find_size(uri).has_value();
  return fs::is_regular_file(path_of(uri));
}

std::vector<std::string> Storage::list(const std::string& uri) {
  std::vector<std::string> found = is_s3(uri) ? s3().list(uri) : list_files(path_of(uri));
  if (found.empty()) fail(FailureKind::storage, "there is nothing at {}", uri);
  return found;
}

std::string Storage::read_text(const std::string& uri) {
  const std::unique_ptr<ObjectReader> reader = open(uri);
  if (reader->size() > text_bytes_max) fail(FailureKind::input, "{} is larger than 256 MiB", uri);
  std::string text(reader->size(), '\0');
  text.resize(reader->read_at(0, text));
  return text;
}

void Storage::write_text(const std::string& uri, std::string_view text) {
  const std::unique_ptr<ObjectWriter> writer = create(uri);
  writer->write(text);
  writer->close();
}

std::string join_uri(std::string_view folder, std::string_view name) {
  while (folder.size() > 1 && folder.ends_with('/')) folder.remove_suffix(1);
  return fmt::format("{}/{}", folder, name);
}

}  // namespace hearth::llm
