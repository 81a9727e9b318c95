#include "cli/demo/private_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "cli/connection.h"

namespace hearth::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::seconds start_time_max{20}, stop_time_max{30};
constexpr std::chrono::milliseconds look_period{20};
constexpr const char* pid_file = "server.pid";

Error system_error(const std::string& what) {
  return Error(ErrorKind::unavailable, what + ": " + std::strerror(errno));
}

// Free a moment ago. Somebody may take it before the server does; then the server says so and the demo ends.
Result<int> find_free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("cannot make a socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  ::close(fd);
  if (!bound) return system_error("cannot find a free port");
  return ntohs(address.sin_port);
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

// Mount points at or below `folder`, the innermost last.
std::vector<std::string> mounts_below(const fs::path& folder) {
  std::vector<std::string> found;
  std::istringstream mounts(read_file("/proc/self/mounts"));
  for (std::string device, point, rest; mounts >> device >> point && std::getline(mounts, rest);)
    if (point == folder || point.starts_with(folder.string() + "/")) found.push_back(point);
  return found;
}

}  // namespace

Result<PrivateServer> PrivateServer::start(bool stays, const std::function<bool()>& interrupted) {
  std::string pattern = (fs::temp_directory_path() / "hearth-demo-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) return system_error("cannot make a folder in " + fs::temp_directory_path().string());
  PrivateServer server{fs::path(pattern)};
  TRY_DO(server.launch(stays));
  TRY_DO(server.wait_until_serving(interrupted));
  return server;
}

Result<PrivateServer> PrivateServer::find(const fs::path& folder) {
  std::error_code ignored;
  PrivateServer server{fs::canonical(folder, ignored)};
  std::ifstream(server.folder_ / pid_file) >> server.process_id_;
  server.url_ = local_endpoint_url(server.data());
  // The number may be another process's by now.
  const std::string command = read_file(fmt::format("/proc/{}/cmdline", server.process_id_));
  if (server.process_id_ <= 0 || server.url_.empty() || !command.contains(server.data().string())) {
    server.leave_running();
    return Error(ErrorKind::not_found,
                 fmt::format("no server of a demo runs in {}; `hearth demo --keep` says where it left one, and "
                             "`hearth serve --data {}` starts one that went down",
                             folder.string(), (folder / "data").string()));
  }
  return server;
}

PrivateServer::PrivateServer(PrivateServer&& other) noexcept
    : folder_(std::exchange(other.folder_, {})),
      url_(std::move(other.url_)),
      process_id_(std::exchange(other.process_id_, -1)) {}

PrivateServer::~PrivateServer() {
  (void)stop();
}

Result<void> PrivateServer::launch(bool stays) {
  TRY(const int port, find_free_port());
  url_ = fmt::format("http://127.0.0.1:{}", port);
  const std::string listen = fmt::format("127.0.0.1:{}", port), data_folder = data().string();
  const std::string log = (folder_ / "hearth.log").string();
  const int log_fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0) return system_error("cannot write " + log);
  const pid_t parent = ::getpid();
  process_id_ = ::fork();
  if (process_id_ < 0) {
    ::close(log_fd);
    return system_error("cannot start a process");
  }
  if (process_id_ == 0) {
    // A session of its own: Ctrl-C in the terminal reaches the demo alone, which then ends things in order.
    ::setsid();
    if (!stays) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (::getppid() != parent) ::_exit(1);
    }
    const int null_fd = ::open("/dev/null", O_RDONLY);
    ::dup2(null_fd, STDIN_FILENO);
    ::dup2(log_fd, STDOUT_FILENO);
    ::dup2(log_fd, STDERR_FILENO);
    ::execl("/proc/self/exe", "hearth", "serve", "--data", data_folder.c_str(), "--listen", listen.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(log_fd);
  std::ofstream(folder_ / pid_file) << process_id_ << '\n';
  return ok;
}

bool PrivateServer::has_ended() {
  const bool is_reaped = ::waitpid(process_id_, nullptr, WNOHANG) == process_id_;
  // One that find() found is no child of ours.
  if (!is_reaped && ::kill(process_id_, 0) == 0) return false;
  process_id_ = -1;
  return true;
}

Result<void> PrivateServer::wait_until_serving(const std::function<bool()>& interrupted) {
  TRY(const Client client, Client::open({.endpoint_url = url_}));
  const auto deadline = std::chrono::steady_clock::now() + start_time_max;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto health = client.send({.path = "/_hearth/health"});
    if (health && health->status == 200) return ok;
    if (has_ended()) return Error(ErrorKind::unavailable, "hearth serve ended at once:\n" + log_tail());
    if (interrupted()) return Error(ErrorKind::cancelled, "interrupted");
    std::this_thread::sleep_for(look_period);
  }
  return Error(ErrorKind::unavailable,
               fmt::format("hearth serve did not answer within {} s:\n{}", start_time_max.count(), log_tail()));
}

Result<Client> PrivateServer::connect() const {
  TRY(wire::SigningCredentials root, read_root_key(data()));
  return Client::open({.endpoint_url = url_, .credentials = std::move(root)});
}

std::string PrivateServer::log_tail() const {
  constexpr std::size_t tail_bytes = 2'000;
  const std::string content = read_file(folder_ / "hearth.log");
  return content.size() <= tail_bytes ? content : content.substr(content.find('\n', content.size() - tail_bytes) + 1);
}

Result<void> PrivateServer::stop() {
  if (process_id_ > 0) {
    ::kill(process_id_, SIGTERM);
    const auto deadline = std::chrono::steady_clock::now() + stop_time_max;
    bool killed = false;
    while (!has_ended()) {
      if (!killed && std::chrono::steady_clock::now() > deadline) {
        ::kill(process_id_, SIGKILL);
        killed = true;
      }
      std::this_thread::sleep_for(look_period);
    }
  }
  return remove_folder();
}

Result<void> PrivateServer::remove_folder() {
  if (folder_.empty()) return ok;
  // Removing a folder something is mounted in would remove what is mounted.
  if (const auto mounts = mounts_below(folder_); !mounts.empty())
    return Error(ErrorKind::conflict,
                 fmt::format("{} is still mounted, so {} was left", mounts.front(), folder_.string()));
  std::error_code error;
  fs::remove_all(folder_, error);
  if (error)
    return Error(ErrorKind::unavailable, fmt::format("cannot remove {}: {}", folder_.string(), error.message()));
  folder_.clear();
  return ok;
}

}  // namespace hearth::cli
