#include "engines/oci/container.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/json.hpp>

#include <array>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "engines/oci/command.h"
#include "engines/oci/console.h"
#include "engines/oci/host.h"

namespace hearth::oci {
namespace fs = std::filesystem;
namespace {

// conmon's reports are one JSON line each: {"pid": 123}, or {"pid": -1, "message": "…"}; older ones say "data".
struct Report {
  int number = -1;
  std::string message;
};
Report read_report(int fd, std::chrono::milliseconds timeout) {
  std::string line;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!line.contains('\n')) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) break;
    std::array<char, 4096> buffer;
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count <= 0) break;
    line.append(buffer.data(), static_cast<std::size_t>(count));
  }
  Report report;
  boost::system::error_code error;
  const auto parsed = boost::json::parse(line.substr(0, line.find('\n')), error);
  if (error || !parsed.is_object()) return {-1, "conmon said nothing"};
  for (const char* name : {"pid", "data"})
    if (const auto* number = parsed.as_object().if_contains(name); number && number->is_int64())
      report.number = static_cast<int>(number->as_int64());
  if (const auto* message = parsed.as_object().if_contains("message"); message && message->is_string())
    report.message = message->as_string();
  return report;
}

}  // namespace

// Field 22 of /proc/PID/stat; field 2 may hold spaces and parentheses.
ProcessId ProcessId::of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text, '\0');  // does not throw when the process ends between the opening and the reading
  const auto after_name = text.rfind(')');
  if (after_name == std::string::npos || text.size() < after_name + 4 || text[after_name + 2] == 'Z') return {};
  std::istringstream fields(text.substr(after_name + 2));
  std::string field;
  for (int i = 3; i < 22; ++i) fields >> field;
  ProcessId process{.pid = pid};
  fields >> process.started_ticks;
  return process;
}

bool ProcessId::is_alive() const {
  return pid > 0 && of(pid).started_ticks == started_ticks;
}

bool ProcessId::wait_for_end(std::chrono::milliseconds timeout) const {
  if (!is_alive()) return true;
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return true;
  pollfd waiting{process.get(), POLLIN, 0};
  return !is_alive() || ::poll(&waiting, 1, static_cast<int>(timeout.count())) > 0;
}

void ProcessId::signal(int number) const {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return;
  if (is_alive()) ::syscall(SYS_pidfd_send_signal, fd, number, nullptr, 0);
  ::close(fd);
}

Result<ProcessId> Container::create() {
  std::error_code ignored;
  for (const char* name : {"exit", "persist", "attach"}) {
    fs::remove_all(folder_ / name, ignored);
    fs::create_directories(folder_ / name, ignored);
  }
  fs::remove(folder_ / "bundle" / "oom", ignored);
  std::array<int, 2> sync{};
  if (::pipe2(sync.data(), O_CLOEXEC) != 0)
    return Error(ErrorKind::unavailable, "cannot make a pipe", std::strerror(errno));
  const auto started = run_command({"conmon",
                                    "--terminal",
                                    "--cid",
                                    id_,
                                    "--cuuid",
                                    id_,
                                    "--name",
                                    id_,
                                    "--runtime",
                                    find_tool(runtime_tool),
                                    "--runtime-arg=--root=" + runtime_root_.string(),
                                    "--bundle",
                                    (folder_ / "bundle").string(),
                                    "--conmon-pidfile",
                                    (folder_ / "conmon.pid").string(),
                                    "--container-pidfile",
                                    (folder_ / "pid").string(),
                                    "--log-path",
                                    "k8s-file:" + (folder_ / "console.log").string(),
                                    "--log-size-max",
                                    std::to_string(console_file_bytes_max),
                                    "--exit-dir",
                                    (folder_ / "exit").string(),
                                    "--persist-dir",
                                    (folder_ / "persist").string(),
                                    "--socket-dir-path",
                                    (folder_ / "attach").string()},
                                   {.environment = {"_OCI_SYNCPIPE=3"},
                                    .extra_fd = sync[1],
                                    // Where it leaves a file `oom` when the kernel ended the instance.
                                    .working_folder = (folder_ / "bundle").string()});
  ::close(sync[1]);
  const Report report = started ? read_report(sync[0], std::chrono::seconds(30)) : Report{};
  ::close(sync[0]);
  if (!started) return started.error();
  if (report.number <= 0) return Error(ErrorKind::unavailable, "the container could not be made", report.message);
  return ProcessId::of(report.number);
}

Result<void> Container::start() {
  TRY_DO(run_command({runtime_tool, "--root", runtime_root_.string(), "start", id_}));
  return ok;
}

void Container::remove() {
  std::error_code ignored;
  if (fs::exists(runtime_root_ / id_, ignored))
    (void)run_command({runtime_tool, "--root", runtime_root_.string(), "delete", "--force", id_});
  // It notes how the container ended, then ends itself.
  constexpr std::chrono::seconds last_words_max{5};
  if (const pid_t conmon = conmon_pid()) (void)ProcessId::of(conmon).wait_for_end(last_words_max);
  fs::remove(folder_ / "conmon.pid", ignored);
}

pid_t Container::conmon_pid() const {
  pid_t pid = 0;
  return std::ifstream(folder_ / "conmon.pid") >> pid ? pid : 0;
}

bool Container::is_watched() const {
  std::ifstream file("/proc/" + std::to_string(conmon_pid()) + "/cmdline");
  // Not another process that got its number after the host went down.
  for (std::string argument; std::getline(file, argument, '\0');)
    if (argument == id_) return true;
  return false;
}

std::optional<int> Container::exit_code() const {
  int code = 0;
  if (std::ifstream file(folder_ / "exit" / id_); file >> code) return code;
  return std::nullopt;
}

bool Container::was_out_of_memory() const {
  std::error_code ignored;
  return fs::exists(folder_ / "bundle" / "oom", ignored) || fs::exists(folder_ / "persist" / "oom", ignored);
}

}  // namespace hearth::oci
