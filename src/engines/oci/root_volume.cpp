#include "engines/oci/root_volume.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <set>

#include "base/file.h"
#include "engines/oci/command.h"

namespace hearth::oci {
namespace fs = std::filesystem;
namespace {

Error system_error(const std::string& what) {
  return Error(errno == ENOSPC ? ErrorKind::no_space : ErrorKind::unavailable, what, std::strerror(errno));
}

Result<void> make_folder(const fs::path& path, mode_t mode = 0755) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return system_error("cannot make the folder " + path.string());
  ::chmod(path.c_str(), mode);
  return ok;
}

// A folder in an overlay layer that shows nothing of the layers below it.
Result<void> make_opaque_folder(const fs::path& path, mode_t mode) {
  TRY_DO(make_folder(path, mode));
  if (::setxattr(path.c_str(), "trusted.overlay.opaque", "y", 1, 0) != 0)
    return system_error("cannot hide host folders from instances");
  return ok;
}

// Makes the name below disappear. https://docs.kernel.org/filesystems/overlayfs.html#whiteouts-and-opaque-directories
Result<void> make_whiteout(const fs::path& path) {
  if (::mknod(path.c_str(), S_IFCHR | 0000, ::makedev(0, 0)) != 0 && errno != EEXIST)
    return system_error("cannot hide host files from instances");
  return ok;
}

// What could not be seen could not be hidden either.
Error cannot_look_through(const fs::path& folder, const std::error_code& error) {
  return Error(ErrorKind::unavailable, "cannot hide host files from instances",
               "/" + folder.relative_path().string() + ": " + error.message());
}

// Names below `folder` of the host that are not in `shown` disappear.
Result<void> hide_all_but(const fs::path& mask, const fs::path& folder, const std::set<std::string>& shown) {
  std::error_code error;
  for (auto entry = fs::directory_iterator("/" / folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error))
    if (const auto name = entry->path().filename().string(); !shown.contains(name))
      TRY_DO(make_whiteout(mask / folder / name));
  if (error) return cannot_look_through(folder, error);
  return ok;
}

// Files in /etc that only root may read hold secrets of the host.
Result<void> hide_unreadable_configuration(const fs::path& mask) {
  std::error_code error, ignored;
  for (auto entry = fs::recursive_directory_iterator("/etc", error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    struct stat status{};
    if (::lstat(entry->path().c_str(), &status) != 0 || S_ISLNK(status.st_mode)) continue;
    const bool is_folder = S_ISDIR(status.st_mode);
    if (status.st_mode & (is_folder ? S_IXOTH : S_IROTH)) continue;
    if (is_folder) entry.disable_recursion_pending();
    const fs::path inside = mask / entry->path().relative_path();
    fs::create_directories(inside.parent_path(), ignored);
    TRY_DO(make_whiteout(inside));
  }
  if (error) return cannot_look_through("etc", error);
  return ok;
}

Result<void> write_new_file(const fs::path& path, std::string_view content, mode_t mode) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (!file || ::chmod(path.c_str(), mode) != 0) return system_error("cannot write " + path.string());
  return ok;
}

// What ends an instance from inside: its init passes the signal on to the boot script (boot.h), which stops the rest.
constexpr std::string_view shutdown_script = R"(#!/bin/sh
# shutdown, poweroff, halt, reboot of an instance. Options such as -h and times such as "now" are taken and ignored.
case "${0##*/} $*" in
  reboot*|*" -r"*|*--reboot*) exec kill -HUP 1 ;;
  *) exec kill -TERM 1 ;;
esac
)";

Result<void> make_additions(const fs::path& folder) {
  for (const char* inside : {"", "usr", "usr/sbin"}) TRY_DO(make_folder(folder / inside));
  for (const char* name : {"shutdown", "poweroff", "halt", "reboot"})
    TRY_DO(write_new_file(folder / "usr/sbin" / name, shutdown_script, 0755));
  return ok;
}

// Several may make the same one at once: each has a file of its own, and the last to finish gives it the name. On the
// disk before that (mkfs.ext4 sees to it): all volumes to come are copies.
Result<void> make_blank_volume(const fs::path& path, std::uint64_t size_bytes) {
  std::string unfinished = path.string() + ".XXXXXX";
  Result<void> made = ok;
  {
    const Descriptor file(::mkostemp(unfinished.data(), O_CLOEXEC));
    if (file.get() < 0) return system_error("cannot make a root volume");
    if (::ftruncate(file.get(), static_cast<off_t>(size_bytes)) != 0) made = system_error("cannot make a root volume");
  }
  if (made) {
    // Without room to grow: what that takes is most of what an empty file system holds, and volumes do not grow.
    const auto formatted = run_command({"mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^resize_inode", "-E",
                                        "nodiscard,lazy_itable_init=1,lazy_journal_init=1", unfinished});
    if (!formatted) made = formatted.error();
  }
  if (made && ::rename(unfinished.c_str(), path.c_str()) != 0) made = system_error("cannot make a root volume");
  if (!made) ::unlink(unfinished.c_str());
  return made;
}

// Holes stay holes: of a new file system there is little to copy.
Result<void> copy_sparse_file(const fs::path& from, const fs::path& to) {
  const Descriptor in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  const Descriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  struct stat status{};
  if (in.get() < 0 || out.get() < 0 || ::fstat(in.get(), &status) != 0 || ::ftruncate(out.get(), status.st_size) != 0)
    return system_error("cannot make the root volume");
  for (off_t data = 0; (data = ::lseek(in.get(), data, SEEK_DATA)) >= 0;) {
    const off_t end = ::lseek(in.get(), data, SEEK_HOLE);
    while (data < end) {
      off_t at = data;
      const ssize_t copied =
          ::copy_file_range(in.get(), &data, out.get(), &at, static_cast<std::size_t>(end - data), 0);
      if (copied <= 0) return system_error("cannot make the root volume");
    }
  }
  if (errno != ENXIO) return system_error("cannot make the root volume");  // ENXIO: there is no more data
  return ok;
}

// As mount -o loop does, without the tool: the loop device goes with the mount.
// https://man7.org/linux/man-pages/man4/loop.4.html
Result<void> mount_image(const fs::path& image, const fs::path& folder) {
  const Descriptor control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  const Descriptor file(::open(image.c_str(), O_RDWR | O_CLOEXEC));
  if (control.get() < 0 || file.get() < 0) return system_error("cannot open the root volume");
  loop_config configuration{};
  configuration.fd = static_cast<std::uint32_t>(file.get());
  configuration.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  constexpr int tries_max = 100;
  for (int tries = 0; tries < tries_max; ++tries) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) break;
    const std::string device = "/dev/loop" + std::to_string(number);
    const Descriptor loop(::open(device.c_str(), O_RDWR | O_CLOEXEC));
    if (loop.get() < 0) break;
    if (::ioctl(loop.get(), LOOP_CONFIGURE, &configuration) != 0) {
      if (errno == EBUSY) continue;  // somebody else took it
      break;
    }
    // The image is full of holes, which read as the zeros that the kernel would otherwise go and write.
    if (::mount(device.c_str(), folder.c_str(), "ext4", MS_NOATIME | MS_NODEV, "discard,noinit_itable") != 0)
      return system_error("cannot mount the root volume");
    return ok;
  }
  return system_error("cannot mount the root volume");
}

int open_in_root(int root, const char* path, int flags, mode_t mode = 0) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_IN_ROOT;
  return static_cast<int>(::syscall(SYS_openat2, root, path, &how, sizeof how));
}

}  // namespace

bool is_mounted(const fs::path& path) {
  struct stat here{}, above{};
  return ::lstat(path.c_str(), &here) == 0 && ::lstat(path.parent_path().c_str(), &above) == 0 &&
         here.st_dev != above.st_dev;
}

Result<void> create_volume(const VolumePaths& paths, std::uint64_t size_bytes, const fs::path& templates) {
  std::error_code error;
  if (fs::exists(paths.image, error)) return ok;
  fs::create_directories(templates, error);
  if (error) return Error(ErrorKind::unavailable, "cannot make the folder of volumes", error.message());
  // The name says what mkfs was told: another release of ours may tell it something else.
  const fs::path blank = templates / ("ext4-2-" + std::to_string(size_bytes));
  if (!fs::exists(blank, error)) {
    // Whoever asks for ever other sizes does not fill the disk with what is kept.
    constexpr std::ptrdiff_t blank_count_max = 32;
    if (std::distance(fs::directory_iterator(templates, error), {}) >= blank_count_max)
      return make_blank_volume(paths.image, size_bytes);
    TRY_DO(make_blank_volume(blank, size_bytes));
  }
  // Named at last, so that a crash in between leaves no half-made volume.
  const fs::path unfinished = paths.image.string() + ".new";
  TRY_DO(copy_sparse_file(blank, unfinished));
  if (::rename(unfinished.c_str(), paths.image.c_str()) != 0) return system_error("cannot make the root volume");
  return ok;
}

Result<void> make_volume_durable(const VolumePaths& paths) {
  const Descriptor file(::open(paths.image.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || ::fsync(file.get()) != 0) return system_error("cannot make the root volume");
  return ok;
}

Result<void> mount_root(const VolumePaths& paths, const std::vector<fs::path>& layers) {
  TRY_DO(make_folder(paths.volume));
  TRY_DO(make_folder(paths.root));
  if (!is_mounted(paths.volume)) TRY_DO(mount_image(paths.image, paths.volume));
  TRY_DO(make_folder(paths.volume / "upper"));
  TRY_DO(make_folder(paths.volume / "work"));
  if (is_mounted(paths.root)) return ok;
  std::string options = "lowerdir=";
  for (const auto& layer : layers) options += (options.back() == '=' ? "" : ":") + layer.string();
  options += ",upperdir=" + (paths.volume / "upper").string() + ",workdir=" + (paths.volume / "work").string();
  if (::mount("overlay", paths.root.c_str(), "overlay", MS_NODEV, options.c_str()) != 0)
    return system_error("cannot mount the instance's root");
  return ok;
}

Result<void> unmount_root(const VolumePaths& paths) {
  for (const auto& path : {paths.root, paths.volume})
    while (is_mounted(path))
      if (::umount2(path.c_str(), 0) != 0) return system_error("cannot unmount " + path.filename().string());
  return ok;
}

Result<void> prepare_layers(const fs::path& folder) {
  TRY_DO(make_folder(folder, 0700));
  if (!is_mounted(folder) && ::mount("tmpfs", folder.c_str(), "tmpfs", MS_NODEV | MS_NOSUID, "mode=0700,size=16m") != 0)
    return system_error("cannot mount a tmpfs for the instances' layers");
  // Whole or not there: running instances look through it, and it stays when we start anew.
  const fs::path additions = folder / "additions", unfinished = folder / "additions.new";
  std::error_code error;
  if (fs::exists(additions, error)) return ok;
  TRY_DO(make_additions(unfinished));
  if (::rename(unfinished.c_str(), additions.c_str()) != 0) return system_error("cannot make the instances' layers");
  return ok;
}

Result<void> make_host_mask(const fs::path& mask, const fs::path& data_folder) {
  TRY_DO(make_folder(mask));
  // Of the top of the host's tree only what holds programs is shown: a team's data may lie anywhere else.
  static const std::set<std::string> shown_at_top = {"bin", "sbin", "lib", "lib32", "lib64", "libx32",
                                                     "usr", "etc",  "opt", "var",   "dev",   "proc",
                                                     "sys", "run",  "tmp", "root",  "home",  "mnt"};
  TRY_DO(hide_all_but(mask, "", shown_at_top));
  for (const char* name : {"dev", "proc", "sys", "run", "home", "mnt"}) TRY_DO(make_opaque_folder(mask / name, 0755));
  TRY_DO(make_opaque_folder(mask / "root", 0700));
  TRY_DO(make_opaque_folder(mask / "tmp", 01777));

  TRY_DO(make_folder(mask / "var"));
  TRY_DO(hide_all_but(mask, "var", {"lib", "log", "tmp", "cache", "spool", "mail", "run", "lock"}));
  for (const char* name : {"log", "cache", "spool", "mail"}) TRY_DO(make_opaque_folder(mask / "var" / name, 0755));
  TRY_DO(make_opaque_folder(mask / "var/tmp", 01777));
  TRY_DO(make_folder(mask / "var/lib"));
  // The package manager's state, so that apt works inside; databases, containers and the like stay hidden.
  TRY_DO(hide_all_but(mask, "var/lib", {"dpkg", "apt", "ucf", "misc", "pam", "python", "man-db", "systemd"}));
  for (const char* name : {"var/log/apt", "var/cache/apt", "var/cache/apt/archives", "var/cache/apt/archives/partial"})
    TRY_DO(make_folder(mask / name));

  TRY_DO(make_folder(mask / "etc"));
  TRY_DO(hide_unreadable_configuration(mask));
  // Accounts without passwords: nobody logs in with the host's.
  ::unlink((mask / "etc/shadow").c_str());
  TRY_DO(write_new_file(mask / "etc/shadow", "root:*:19000:0:99999:7:::\n", 0640));

  std::error_code ignored;
  const fs::path hidden = fs::weakly_canonical(data_folder, ignored).relative_path();
  fs::path parent = mask;
  bool already_hidden = false;
  for (const auto& part : hidden) {
    struct stat status{};
    parent /= part;
    if (::lstat(parent.c_str(), &status) == 0 &&
        (S_ISCHR(status.st_mode) || ::getxattr(parent.c_str(), "trusted.overlay.opaque", nullptr, 0) > 0))
      already_hidden = true;
    if (already_hidden) break;
    if (parent == mask / hidden) break;
    TRY_DO(make_folder(parent));
  }
  if (!already_hidden) TRY_DO(make_whiteout(mask / hidden));
  return ok;
}

Result<void> write_file_in_root(const fs::path& root, const std::string& path, std::string_view content,
                                unsigned mode) {
  const int root_fd = ::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root_fd < 0) return system_error("cannot open the instance's root");
  const fs::path file(path);
  int folder_fd = ::dup(root_fd);
  fs::path walked;
  for (const auto& part : file.parent_path().relative_path()) {
    walked /= part;
    int next = open_in_root(root_fd, walked.c_str(), O_PATH | O_DIRECTORY);
    if (next < 0 && errno == ENOENT && ::mkdirat(folder_fd, part.c_str(), 0755) == 0)
      next = open_in_root(root_fd, walked.c_str(), O_PATH | O_DIRECTORY);
    ::close(folder_fd);
    folder_fd = next;
    if (next < 0) break;
  }
  Result<void> result = ok;
  if (folder_fd < 0) {
    result = system_error("cannot write " + path + " in the instance");
  } else {
    ::unlinkat(folder_fd, file.filename().c_str(), 0);
    const int fd = ::openat(folder_fd, file.filename().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                            static_cast<mode_t>(mode));
    if (fd < 0 || ::write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
      result = system_error("cannot write " + path + " in the instance");
    if (fd >= 0) ::close(fd);
    ::close(folder_fd);
  }
  ::close(root_fd);
  return result;
}

}  // namespace hearth::oci
