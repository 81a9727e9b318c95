#include "engines/images/root_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

namespace hearth::images {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view whiteout_prefix = ".wh.";
constexpr std::string_view opaque_name = ".wh..wh..opq";
constexpr std::uint64_t steps_between_checks = 64;

struct FreeWriter {
  void operator()(archive* disk) const { archive_write_free(disk); }
};

Error disk_error(archive* disk, const std::string& path) {
  const char* words = archive_error_string(disk);
  const std::string detail = path + ": " + (words ? words : "unknown error");
  if (archive_errno(disk) == ENOSPC) return Error(ErrorKind::no_space, "the disk is full", detail);
  return Error(ErrorKind::invalid, "the archive's member " + path + " cannot be unpacked", detail);
}

bool has_parent_reference(const std::string& path) {
  for (const auto& part : fs::path(path))
    if (part == "..") return true;
  return false;
}

// Capabilities of programs (ping) are kept; the rest may mean something to the overlay the image becomes a part of.
void keep_plain_attributes_only(archive_entry* member) {
  std::string capability;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  archive_entry_xattr_reset(member);
  while (archive_entry_xattr_next(member, &name, &value, &size) == ARCHIVE_OK)
    if (std::string_view(name) == "security.capability") capability.assign(static_cast<const char*>(value), size);
  archive_entry_xattr_clear(member);
  if (!capability.empty())
    archive_entry_xattr_add_entry(member, "security.capability", capability.data(), capability.size());
  archive_entry_acl_clear(member);
  archive_entry_set_fflags(member, 0, 0);
}

}  // namespace

// Full disks are noticed before they are full.
Result<void> RootWriter::check_room() {
  if (steps_++ % steps_between_checks != 0) return ok;
  if (!go_on_()) return Error(ErrorKind::cancelled, "the import was cancelled");
  struct statvfs status{};
  if (::statvfs("/", &status) == 0 && status.f_bavail * status.f_frsize < limits_.free_bytes_min)
    return Error(ErrorKind::no_space, "the disk is nearly full");
  return ok;
}

Result<void> RootWriter::note_made(const std::string& path) {
  for (fs::path at = path; !at.empty(); at = at.parent_path()) {
    if (!made_here_.insert(at.string()).second) return ok;
    name_bytes_ += at.native().size();
    if (name_bytes_ > limits_.name_bytes_max)
      return Error(ErrorKind::invalid, "the names in the archive are longer than " +
                                           std::to_string(limits_.name_bytes_max) +
                                           " bytes together, the most there may be");
  }
  return ok;
}

Result<void> RootWriter::add_layer(ArchiveReader& layer, Whiteouts whiteouts) {
  const std::unique_ptr<archive, FreeWriter> disk(archive_write_disk_new());
  archive_write_disk_set_options(disk.get(), ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
                                                 ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SECURE_NODOTDOT);
  made_here_.clear();
  opaque_here_.clear();
  name_bytes_ = 0;
  for (;;) {
    TRY(archive_entry * member, layer.next());
    if (!member) break;
    if (++file_count_ > limits_.file_count_max)
      return Error(ErrorKind::invalid, "the image has more than " + std::to_string(limits_.file_count_max) +
                                           " files, the most there may be");
    TRY_DO(check_room());
    const std::string path = member_path(member);
    if (path.empty()) continue;
    if (has_parent_reference(path))
      return Error(ErrorKind::invalid, "the archive has a member outside of its root: " + path);
    if (whiteouts == Whiteouts::honoured && fs::path(path).filename().string().starts_with(whiteout_prefix)) {
      TRY_DO(apply_whiteout(path));
      continue;
    }
    TRY_DO(add_member(layer, disk.get(), member, path));
  }
  // Sets times and modes of folders, which would have been in the way before.
  if (archive_write_close(disk.get()) != ARCHIVE_OK) return disk_error(disk.get(), "/");
  return ok;
}

Result<void> RootWriter::add_member(ArchiveReader& layer, archive* disk, archive_entry* member,
                                    const std::string& path) {
  const auto type = archive_entry_filetype(member);
  const char* hard_link = archive_entry_hardlink(member);
  if (!hard_link && type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK && type != AE_IFIFO) return ok;
  TRY_DO(make_way(path, !hard_link && type == AE_IFDIR));
  keep_plain_attributes_only(member);
  archive_entry_set_pathname(member, path.c_str());
  if (hard_link) {
    std::string target = hard_link;
    while (target.starts_with("./") || target.starts_with('/')) target.erase(0, target.starts_with('/') ? 1 : 2);
    archive_entry_set_hardlink(member, target.c_str());
  }
  // A warning is about an owner or a time; a member that is not there is fatal.
  const int status = archive_write_header(disk, member);
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return disk_error(disk, path);
  if (archive_entry_size(member) > 0) TRY_DO(copy_content(layer, disk));
  if (const int finished = archive_write_finish_entry(disk); finished != ARCHIVE_OK && finished != ARCHIVE_WARN)
    return disk_error(disk, path);
  return note_made(path);
}

Result<void> RootWriter::copy_content(ArchiveReader& layer, archive* disk) {
  for (;;) {
    TRY(const ArchiveReader::Piece piece, layer.next_piece());
    if (piece.is_end) return ok;
    size_bytes_ += piece.size;
    if (size_bytes_ > limits_.unpacked_bytes_max)
      return Error(ErrorKind::invalid, "the image is larger than " + std::to_string(limits_.unpacked_bytes_max) +
                                           " bytes unpacked, the most there may be");
    TRY_DO(check_room());
    if (archive_write_data_block(disk, piece.data, piece.size, piece.offset) < ARCHIVE_WARN)
      return disk_error(disk, "a file");
  }
}

// What is there and is not a folder under a folder goes first, as in a container: a link is replaced, not followed.
Result<void> RootWriter::make_way(const std::string& path, bool for_folder) {
  const fs::path at = fs::path("/") / path;
  std::error_code error;
  const auto present = fs::symlink_status(at, error);
  if (!fs::exists(present) || (for_folder && fs::is_directory(present))) return ok;
  fs::remove_all(at, error);
  if (error) return Error(ErrorKind::unavailable, "the image cannot be unpacked", path + ": " + error.message());
  return ok;
}

// Only what layers below have goes: what this layer itself brings stays, in whatever order it comes.
Result<void> RootWriter::apply_whiteout(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  const std::string name = fs::path(path).filename().string();
  std::error_code error;
  if (name != opaque_name) {
    const fs::path hidden = folder / name.substr(whiteout_prefix.size());
    if (hidden.filename().empty() || hidden.filename() == "." || hidden.filename() == "..") return ok;
    if (!made_here_.contains(hidden.string())) fs::remove_all("/" / hidden, error);
  } else if (opaque_here_.insert(folder.string()).second) {
    std::vector<fs::path> folders = {folder};
    while (!folders.empty() && !error) {
      TRY_DO(check_room());
      const fs::path current = folders.back();
      folders.pop_back();
      std::vector<fs::path> children;
      for (const auto& child : fs::directory_iterator("/" / current, error))
        children.push_back(child.path().filename());
      for (const auto& child : children) {
        const fs::path at = current / child;
        if (!made_here_.contains(at.string()))
          fs::remove_all("/" / at, error);
        else if (fs::is_directory(fs::symlink_status("/" / at, error)))
          folders.push_back(at);
      }
    }
    if (error == std::errc::no_such_file_or_directory) error.clear();
  }
  if (error) return Error(ErrorKind::unavailable, "the image cannot be unpacked", path + ": " + error.message());
  return ok;
}

}  // namespace hearth::images
