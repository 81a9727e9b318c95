// Runs the tools this engine is built on (runc, conmon, ip, nft, mount, mkfs.ext4) as child processes, without a shell.
// Children start with default signal handling, an empty signal mask and no descriptors of ours. Safe from any thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::oci {

struct CommandInput {
  std::string standard_input;
  std::vector<std::string> environment;  // "NAME=value", added to PATH; nothing of ours is inherited
  // The child writes to this descriptor as its number 3 (conmon's sync pipe); -1: none. Stays the caller's.
  int extra_fd = -1;
  std::string working_folder;                 // ours where empty
  std::chrono::milliseconds timeout{30'000};  // then it is killed
};

// What the command wrote to standard output. unavailable when it failed, with its last words in the detail.
Result<std::string> run_command(const std::vector<std::string>& arguments, CommandInput input = {});

// The full path of a tool, looked up where Debian puts tools whatever our own PATH says; empty if it is not installed.
std::string find_tool(const std::string& name);

}  // namespace hearth::oci
