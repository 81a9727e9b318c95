#include "engines/oci/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/file.h"

namespace hearth::oci {
namespace {

constexpr const char* tool_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::size_t output_bytes_max = 4 << 20;

struct Pipe {
  Descriptor read, write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0)
    return Error(ErrorKind::unavailable, "cannot make a pipe", std::strerror(errno));
  return Pipe{Descriptor(fds[0]), Descriptor(fds[1])};
}

// posix_spawn's attribute objects, released whatever happens.
struct SpawnPlan {
  posix_spawn_file_actions_t files{};
  posix_spawnattr_t attributes{};
  SpawnPlan() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    // The server blocks SIGTERM in every thread and ignores SIGPIPE; an instance's init must have neither.
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (auto& string : strings) out.push_back(string.data());
  out.push_back(nullptr);
  return out;
}

// False at the end of the stream, which closes it.
bool read_some(Descriptor& from, std::string& text) {
  std::array<char, 16384> buffer;
  const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
  if (count <= 0) {
    from.close();
    return false;
  }
  if (text.size() < output_bytes_max) text.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

std::string last_words(const std::string& text) {
  constexpr std::size_t kept = 600;
  std::string words = text.size() > kept ? text.substr(text.size() - kept) : text;
  while (!words.empty() && (words.back() == '\n' || words.back() == ' ')) words.pop_back();
  return words;
}

}  // namespace

std::string find_tool(const std::string& name) {
  for (const char* folder : {"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"})
    if (const std::string path = folder + name; ::access(path.c_str(), X_OK) == 0) return path;
  return {};
}

Result<std::string> run_command(const std::vector<std::string>& arguments, CommandInput input) {
  const std::string tool = find_tool(arguments.front());
  if (tool.empty()) return Error(ErrorKind::unsupported, arguments.front() + " is not installed");
  TRY(Pipe in, make_pipe());
  TRY(Pipe out, make_pipe());
  TRY(Pipe err, make_pipe());

  SpawnPlan plan;
  posix_spawn_file_actions_adddup2(&plan.files, in.read.get(), 0);
  posix_spawn_file_actions_adddup2(&plan.files, out.write.get(), 1);
  posix_spawn_file_actions_adddup2(&plan.files, err.write.get(), 2);
  if (input.extra_fd >= 0) posix_spawn_file_actions_adddup2(&plan.files, input.extra_fd, 3);
  if (!input.working_folder.empty()) posix_spawn_file_actions_addchdir_np(&plan.files, input.working_folder.c_str());
  posix_spawn_file_actions_addclosefrom_np(&plan.files, input.extra_fd >= 0 ? 4 : 3);

  std::vector<std::string> argument_copies = arguments, environment = std::move(input.environment);
  environment.emplace_back(tool_path);
  pid_t pid = 0;
  if (const int error = ::posix_spawn(&pid, tool.c_str(), &plan.files, &plan.attributes,
                                      pointers(argument_copies).data(), pointers(environment).data()))
    return Error(ErrorKind::unavailable, "cannot run " + arguments.front(), std::strerror(error));
  in.read.close();
  out.write.close();
  err.write.close();

  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const auto deadline = std::chrono::steady_clock::now() + input.timeout;
  std::string standard_output, standard_error;
  std::size_t written = 0;
  if (input.standard_input.empty()) in.write.close();
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);

  // Until the process has ended: a daemon it leaves behind (conmon) may hold our pipes open for ever.
  bool ended = false, timed_out = false;
  while (!ended) {
    std::array<pollfd, 4> waiting = {pollfd{out.read.get(), POLLIN, 0}, pollfd{err.read.get(), POLLIN, 0},
                                     pollfd{in.write.get(), POLLOUT, 0}, pollfd{process.get(), POLLIN, 0}};
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready = left.count() > 0 ? ::poll(waiting.data(), waiting.size(), static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      timed_out = true;
      ::kill(pid, SIGKILL);
      break;
    }
    ended = waiting[3].revents != 0;
    if (waiting[0].revents && read_some(out.read, standard_output)) ended = false;  // there may be more
    if (waiting[1].revents && read_some(err.read, standard_error)) ended = false;
    if (waiting[2].revents) {
      const ssize_t count =
          ::write(in.write.get(), input.standard_input.data() + written, input.standard_input.size() - written);
      if (count > 0) written += static_cast<std::size_t>(count);
      if (count <= 0 || written == input.standard_input.size()) in.write.close();
    }
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (timed_out)
    return Error(ErrorKind::unavailable, arguments.front() + " did not end in time", last_words(standard_error));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Error(ErrorKind::unavailable, arguments.front() + " failed",
                 last_words(standard_error.empty() ? standard_output : standard_error));
  return standard_output;
}

}  // namespace hearth::oci
