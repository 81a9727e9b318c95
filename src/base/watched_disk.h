// For tests: fsync and fdatasync of this program pass through here, those of the libraries it links too. They can be
// told to fail, and what they synced can be asked for. At most one file of a test program includes this.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>

namespace hearth {

class WatchedDisk {
 public:
  // After `good_count` more calls, the next `count` fail as those of a disk that lost the bytes.
  static void fail_syncs(int count, int good_count = 0) {
    std::lock_guard lock(mutex());
    state().good_count = good_count;
    state().failing_count = count;
    state().failed_count = 0;
  }
  static int failed_count() {
    std::lock_guard lock(mutex());
    return state().failed_count;
  }
  static void forget_synced() {
    std::lock_guard lock(mutex());
    state().synced.clear();
  }
  static bool has_synced(const std::filesystem::path& path) {
    std::lock_guard lock(mutex());
    return state().synced.contains(std::filesystem::weakly_canonical(path));
  }

  static int sync(int fd, long system_call) {
    std::error_code error;
    const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error);
    {
      std::lock_guard lock(mutex());
      if (state().good_count > 0) {
        --state().good_count;
      } else if (state().failing_count > 0) {
        --state().failing_count;
        ++state().failed_count;
        errno = EIO;
        return -1;
      }
      state().synced.insert(path);
    }
    return static_cast<int>(::syscall(system_call, fd));
  }

 private:
  struct State {
    int good_count = 0, failing_count = 0, failed_count = 0;
    std::set<std::filesystem::path> synced;
  };
  // Never destroyed: libraries may sync while the program ends.
  static State& state() {
    static State& state = *new State;
    return state;
  }
  static std::mutex& mutex() {
    static std::mutex& mutex = *new std::mutex;
    return mutex;
  }
};

}  // namespace hearth

extern "C" int fsync(int fd) {
  return hearth::WatchedDisk::sync(fd, SYS_fsync);
}
extern "C" int fdatasync(int fd) {
  return hearth::WatchedDisk::sync(fd, SYS_fdatasync);
}
