// One container of the OCI runtime, watched by a conmon of its own that outlives us: it holds the console and writes
// down how the container ended. Blocking; the caller serialises per instance. https://github.com/containers/conmon ·
// https://github.com/opencontainers/runc
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace hearth::oci {

// A process that cannot be taken for another one that got its number later.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t started_ticks = 0;  // since boot, from /proc/PID/stat

  static ProcessId of(pid_t pid);
  bool is_alive() const;
  // Waits for the end. False when it still lives after `timeout`.
  bool wait_for_end(std::chrono::milliseconds timeout) const;
  // Nothing happens when it has ended.
  void signal(int number) const;
};

class Container {
 public:
  // `folder` is the instance's; its bundle/config.json must be there before create().
  Container(std::filesystem::path runtime_root, std::filesystem::path folder, std::string id)
      : runtime_root_(std::move(runtime_root)), folder_(std::move(folder)), id_(std::move(id)) {}

  // Everything is set up, nothing of the instance's own runs yet. The returned process is its init.
  Result<ProcessId> create();
  Result<void> start();
  // Kills what runs and forgets the container. Nothing there is fine. When it returns conmon writes no more into the
  // instance's folder.
  void remove();

  // Whether its conmon lives: for a moment longer than the init, until it has written down how that ended.
  bool is_watched() const;
  // As conmon wrote it down; empty while it runs, or when host and conmon died together.
  std::optional<int> exit_code() const;
  bool was_out_of_memory() const;

 private:
  pid_t conmon_pid() const;  // 0: none was noted

  std::filesystem::path runtime_root_, folder_;
  std::string id_;
};

}  // namespace hearth::oci
