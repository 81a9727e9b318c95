#include "engines/images/image_store.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/openssl.h"
#include "base/private_file.h"
#include "base/row.h"
#include "engines/images/archive.h"
#include "engines/images/jail.h"
#include "engines/images/layout.h"

namespace hearth {
namespace fs = std::filesystem;

namespace images {

// image.json beside the root.
struct ImageRecord {
  std::uint64_t size_bytes = 0, file_count = 0;
  std::map<std::string, std::string> environment;
};
BOOST_DESCRIBE_STRUCT(ImageRecord, (), (size_bytes, file_count, environment))

}  // namespace images

namespace {
using namespace images;

constexpr std::size_t piece_bytes = 1 << 20;
constexpr int percent_when_read = 40;  // the rest is unpacking

Error system_error(const std::string& what) {
  return disk_error("the image store is not available", what);
}

// The rest of the server lives on that disk too.
Result<void> require_free_bytes(int fd, std::uint64_t free_bytes_min) {
  struct statvfs status{};
  if (::fstatvfs(fd, &status) == 0 && status.f_bavail * status.f_frsize < free_bytes_min)
    return Error(ErrorKind::no_space, "the disk is nearly full");
  return ok;
}

// A folder that is no image yet, or no more.
bool is_on_its_way(const std::string& name) {
  return name.starts_with("importing-") || name.starts_with("removing-");
}

int percent_of(std::uint64_t part, std::uint64_t whole, int from, int to) {
  if (whole == 0) return from;
  return from + static_cast<int>(static_cast<double>(std::min(part, whole)) / static_cast<double>(whole) * (to - from));
}

using Digest = std::unique_ptr<EVP_MD_CTX, OpenSslFree<EVP_MD_CTX_free>>;

// Unpacks one archive, whatever it is, in the jail.
class Unpacking {
 public:
  Unpacking(int archive_fd, std::uint64_t archive_bytes, RootLimits limits, const ImportObserver& observer)
      : archive_fd_(archive_fd),
        archive_bytes_(archive_bytes),
        observer_(observer),
        bounds_{.bytes_max = limits.unpacked_bytes_max,
                .go_on =
                    [this] {
                      return observer_({.step = "unpacking",
                                        .percent = percent_of(done_bytes_, total_bytes_, percent_when_read, 99)});
                    }},
        writer_(limits, bounds_.go_on) {}

  Result<ImageRecord> run() {
    TRY(const auto layout, read_layout(archive_fd_, bounds_));
    ImageRecord record;
    if (layout) {
      for (const Layer& layer : layout->layers) total_bytes_ += layer.size_bytes;
      for (const Layer& layer : layout->layers) TRY_DO(add_layer(layer));
      record.environment = layout->environment;
    } else {
      TRY_DO(add_root());
    }
    TRY_DO(require_shell());
    record.size_bytes = writer_.size_bytes();
    record.file_count = writer_.file_count();
    return record;
  }

 private:
  Result<void> add_root() {
    total_bytes_ = archive_bytes_;
    TRY(ArchiveReader reader, ArchiveReader::open_file(archive_fd_, bounds_));
    return writer_.add_layer(reader, Whiteouts::ordinary_files);
  }

  // The layer is an archive inside a member of the archive; its bytes are what the manifest's digest is of.
  Result<void> add_layer(const Layer& layer) {
    TRY(ArchiveReader outer, ArchiveReader::open_file(archive_fd_, bounds_));
    for (;;) {
      TRY(archive_entry * member, outer.next());
      if (!member) return Error(ErrorKind::invalid, "the layer " + layer.member + " is not in the archive");
      if (member_path(member) == layer.member) break;
    }
    const Digest digest(EVP_MD_CTX_new());
    EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr);
    std::vector<char> buffer(piece_bytes);
    const ByteFeed feed = [&]() -> Result<std::string_view> {
      TRY(const std::size_t size, outer.read(buffer.data(), buffer.size()));
      EVP_DigestUpdate(digest.get(), buffer.data(), size);
      done_bytes_ += size;
      return std::string_view(buffer.data(), size);
    };
    {
      TRY(ArchiveReader inner, ArchiveReader::open_feed(feed, bounds_));
      TRY_DO(writer_.add_layer(inner, Whiteouts::honoured));
    }
    for (;;) {  // what lies behind the archive's end belongs to the digest too
      TRY(const auto rest, feed());
      if (rest.empty()) break;
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
    unsigned size = 0;
    EVP_DigestFinal_ex(digest.get(), sum.data(), &size);
    if (!layer.sha256.empty() && to_hex({reinterpret_cast<const char*>(sum.data()), size}) != layer.sha256)
      return Error(ErrorKind::invalid,
                   "the layer " + layer.member + " is not what its digest says: the archive is damaged");
    return ok;
  }

  // The one program every instance starts with.
  static Result<void> require_shell() {
    struct stat status{};
    if (::stat("/bin/sh", &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & S_IXUSR) != 0) return ok;
    return Error(ErrorKind::invalid, "the image has no /bin/sh, which an instance needs to start");
  }

  const int archive_fd_;
  const std::uint64_t archive_bytes_;
  const ImportObserver& observer_;
  const ArchiveBounds bounds_;
  RootWriter writer_;
  std::uint64_t done_bytes_ = 0, total_bytes_ = 0;
};

class FolderImageStore final : public ImageStore {
 public:
  FolderImageStore(FolderImageStoreOptions options, ThreadPool& pool) : options_(std::move(options)), pool_(pool) {}

  Result<void> open();

  std::vector<std::string> missing_requirements() const override {
    if (::geteuid() == 0) return {};
    return {"hearth does not run as root, which unpacking images needs."};
  }

  Async<StoredImage> import_image(const std::string& id, ByteSource& archive, const ImportObserver& observer) override;
  Async<StoredImage> find(const std::string& id) override {
    co_return co_await offload(pool_, [&]() -> Result<StoredImage> {
      const auto record = read_record(id);
      if (!record) return Error(ErrorKind::not_found, "no such image");
      return stored(id, *record);
    });
  }
  Async<std::vector<std::string>> list() override {
    co_return co_await offload(pool_, [&] { return Result<std::vector<std::string>>(list_now()); });
  }
  Async<void> remove(const std::string& id) override {
    CO_TRY_DO(co_await offload(pool_, [&] { return remove_now(id); }));
    co_return ok;
  }

 private:
  fs::path unfinished(const std::string& id) const { return options_.folder / ("importing-" + id); }
  std::optional<ImageRecord> read_record(const std::string& id) const;
  StoredImage stored(const std::string& id, const ImageRecord& record) const {
    return {.path = (options_.folder / id / "root").string(),
            .size_bytes = record.size_bytes,
            .file_count = record.file_count,
            .environment = record.environment};
  }
  Async<void> spool(ByteSource& archive, int fd, const ImportObserver& observer);
  Result<ImageRecord> unpack(const std::string& id, int archive_fd, const ImportObserver& observer);
  Result<void> finish(const std::string& id, const ImageRecord& record);
  void forget_unfinished(const std::string& id) const;
  std::vector<std::string> list_now() const;
  Result<void> remove_now(const std::string& id) const;

  const FolderImageStoreOptions options_;
  ThreadPool& pool_;
};

Result<void> FolderImageStore::open() {
  std::error_code error;
  fs::create_directories(options_.folder, error);
  if (error) return Error(ErrorKind::unavailable, "cannot make the images' folder", error.message());
  // Set-user-id programs of strangers lie below.
  fs::permissions(options_.folder, fs::perms::owner_all, error);
  for (const auto& entry : fs::directory_iterator(options_.folder, error))
    if (is_on_its_way(entry.path().filename().string()) || !fs::exists(entry.path() / "image.json"))
      fs::remove_all(entry.path(), error);
  return ok;
}

std::optional<ImageRecord> FolderImageStore::read_record(const std::string& id) const {
  std::ifstream file(options_.folder / id / "image.json");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  if (text.empty()) return std::nullopt;
  auto record = row::decode<ImageRecord>(text);
  if (!record) return std::nullopt;
  return *std::move(record);
}

Async<StoredImage> FolderImageStore::import_image(const std::string& id, ByteSource& archive,
                                                  const ImportObserver& observer) {
  if (const auto missing = missing_requirements(); !missing.empty())
    co_return Error(ErrorKind::unsupported, missing.front());
  std::optional<ImageRecord> record = read_record(id);
  if (!record) {
    forget_unfinished(id);
    std::error_code error;
    fs::create_directories(unfinished(id) / "root", error);
    const Descriptor file(::open((unfinished(id) / "archive").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    Result<ImageRecord> unpacked = system_error("making the image's folder");
    if (file.get() >= 0) {
      const auto spooled = co_await spool(archive, file.get(), observer);
      if (spooled)
        unpacked = co_await offload(pool_, [&] { return unpack(id, file.get(), observer); });
      else
        unpacked = spooled.error();
    }
    if (!unpacked) {
      forget_unfinished(id);
      co_return unpacked.error();
    }
    record = *std::move(unpacked);
  }
  co_return stored(id, *record);
}

// Layers come in any order in an archive, so it is read more than once.
Async<void> FolderImageStore::spool(ByteSource& archive, int fd, const ImportObserver& observer) {
  const std::uint64_t total = archive.remaining().value_or(0);
  std::uint64_t done = 0;
  std::vector<char> buffer(piece_bytes);
  for (;;) {
    CO_TRY(const std::size_t size, co_await archive.read(buffer));
    if (size == 0) co_return ok;
    CO_TRY_DO(co_await offload(pool_, [&]() -> Result<void> {
      TRY_DO(require_free_bytes(fd, options_.limits.free_bytes_min));
      return write_all(fd, {buffer.data(), size});
    }));
    done += size;
    if (!observer({.step = "reading the archive", .percent = percent_of(done, total, 0, percent_when_read)}))
      co_return Error(ErrorKind::cancelled, "the import was cancelled");
  }
}

Result<ImageRecord> FolderImageStore::unpack(const std::string& id, int archive_fd, const ImportObserver& observer) {
  struct stat status{};
  if (::fstat(archive_fd, &status) != 0) return system_error("reading the archive's size");
  ImageRecord record;
  const auto work = [&]() -> Result<void> {
    Unpacking unpacking(archive_fd, static_cast<std::uint64_t>(status.st_size), options_.limits, observer);
    TRY(record, unpacking.run());
    return ok;
  };
  TRY_DO(run_in_jail(unfinished(id) / "root", work));
  TRY_DO(finish(id, record));
  return record;
}

// Whole on the disk before it has its name.
Result<void> FolderImageStore::finish(const std::string& id, const ImageRecord& record) {
  std::error_code error;
  fs::remove(unfinished(id) / "archive", error);
  fs::permissions(unfinished(id) / "root", static_cast<fs::perms>(0755), error);
  TRY_DO(write_private_file(unfinished(id) / "image.json", row::encode(record)));
  const Descriptor folder(::open(options_.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::syncfs(folder.get()) != 0) return system_error("syncing the image");
  if (::rename(unfinished(id).c_str(), (options_.folder / id).c_str()) != 0) return system_error("naming the image");
  if (::fsync(folder.get()) != 0) return system_error("syncing the images' folder");
  return ok;
}

void FolderImageStore::forget_unfinished(const std::string& id) const {
  std::error_code ignored;
  fs::remove_all(unfinished(id), ignored);
}

std::vector<std::string> FolderImageStore::list_now() const {
  std::vector<std::string> ids;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(options_.folder, ignored))
    if (const std::string name = entry.path().filename().string(); !is_on_its_way(name)) ids.push_back(name);
  std::ranges::sort(ids);
  return ids;
}

Result<void> FolderImageStore::remove_now(const std::string& id) const {
  const fs::path away = options_.folder / ("removing-" + id);
  std::error_code error;
  fs::rename(options_.folder / id, away, error);  // at once no image any more, however long the rest takes
  if (error == std::errc::no_such_file_or_directory) error.clear();
  if (!error) fs::remove_all(away, error);
  if (error) return Error(ErrorKind::unavailable, "cannot remove the image's files", error.message());
  return ok;
}

}  // namespace

Result<std::unique_ptr<ImageStore>> open_folder_image_store(FolderImageStoreOptions options, ThreadPool& pool) {
  auto store = std::make_unique<FolderImageStore>(std::move(options), pool);
  TRY_DO(store->open());
  return std::unique_ptr<ImageStore>(std::move(store));
}

}  // namespace hearth
