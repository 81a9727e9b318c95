// Real instances on this machine. Skipped, loudly, where they cannot be isolated (not root, no cgroups, tools missing).
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/async.h"
#include "engines/oci/command.h"
#include "engines/oci/console.h"
#include "engines/oci/oci_runtime.h"
#include "engines/oci/root_volume.h"
#include "ports/instance_runtime_contract.h"

namespace hearth {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

ThreadPool& pool() {
  static ThreadPool shared(4);
  return shared;
}
const SystemClock& system_clock() {
  static const SystemClock clock;
  return clock;
}

// One folder per process, removed at the end.
const fs::path& data_folder() {
  static const struct Folder {
    fs::path path;
    Folder() {
      std::string pattern = (fs::temp_directory_path() / "hearth-oci-XXXXXX").string();
      path = ::mkdtemp(pattern.data());
    }
    ~Folder() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } folder;
  return folder.path;
}

std::unique_ptr<InstanceRuntime> open_runtime() {
  auto runtime = open_oci_instance_runtime({.folder = data_folder() / "instances", .data_folder = data_folder()},
                                           pool(), system_clock());
  if (!runtime) {
    ADD_FAILURE() << runtime.error().message() << ": " << runtime.error().detail();
    return nullptr;
  }
  if (!(*runtime)->missing_requirements().empty()) return nullptr;
  return *std::move(runtime);
}

INSTANTIATE_TEST_SUITE_P(Oci, InstanceRuntimeContract, testing::Values(&open_runtime));

class OciRuntime : public testing::Test {
 protected:
  void SetUp() override {
    runtime_ = open_runtime();
    if (runtime_) return;
    const auto other = open_oci_instance_runtime({.folder = data_folder() / "instances", .data_folder = data_folder()},
                                                 pool(), system_clock());
    std::string sentences;
    if (other)
      for (const auto& sentence : (*other)->missing_requirements()) sentences += " " + sentence;
    GTEST_SKIP() << "INSTANCES CANNOT RUN HERE:" << sentences;
  }
  void TearDown() override {
    if (!runtime_) return;
    const auto observed = sync_wait(runtime_->observe());
    if (observed)
      for (const auto& instance : *observed) {
        const auto removed = sync_wait(runtime_->remove(instance.id));
        EXPECT_TRUE(removed) << removed.error().message() << ": " << removed.error().detail();
      }
  }

  static InstanceSpec spec(const std::string& script, int last_byte = 11) {
    InstanceSpec spec;
    spec.id = test_instance_id(last_byte);
    spec.hostname = "ip-172-31-251-" + std::to_string(last_byte);
    spec.vcpu_count = 1;
    spec.memory_bytes = 256 << 20;
    spec.root_volume_bytes = 128 << 20;
    spec.private_address = test_instance_address(last_byte);
    spec.mac_address = "02:00:ac:1f:fb:" + std::to_string(last_byte);
    spec.egress = {{.protocol = "-1", .cidrs = {"0.0.0.0/0"}}};
    spec.environment = {{"AWS_REGION", "eu-north-1"}};
    if (!script.empty()) spec.user_data = "#!/bin/sh\n" + script + "\n";
    return spec;
  }
  void start(const InstanceSpec& spec) {
    const auto started = sync_wait(runtime_->start(spec));
    ASSERT_TRUE(started) << started.error().message() << ": " << started.error().detail();
  }
  std::string console(const InstanceSpec& spec) {
    const auto text = sync_wait(runtime_->console(spec.id, 0, 1 << 20));
    return text ? *text : "(" + text.error().message() + ")";
  }
  // Waits until the console holds `text`.
  ::testing::AssertionResult says(const InstanceSpec& spec, const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!console(spec).contains(text)) {
      if (std::chrono::steady_clock::now() > deadline)
        return ::testing::AssertionFailure() << "the console never said \"" << text << "\" but:\n" << console(spec);
      std::this_thread::sleep_for(10ms);
    }
    return ::testing::AssertionSuccess();
  }
  ObservedInstance wait_until_exited(const InstanceSpec& spec) {
    for (const auto deadline = std::chrono::steady_clock::now() + 30s;;) {
      const auto observed = sync_wait(runtime_->observe());
      for (const auto& instance : *observed)
        if (instance.id == spec.id &&
            (instance.state == RunState::exited || std::chrono::steady_clock::now() > deadline))
          return instance;
      std::this_thread::sleep_for(20ms);
    }
  }
  std::unique_ptr<InstanceRuntime> runtime_;
};

// What only a host that runs instances has: the rules, told from other servers' by what their interfaces are called,
// and the layers.
struct Remains {
  std::string table;
  static Remains of(const InstanceSpec& running) {
    const auto route = oci::run_command({"ip", "-o", "route", "show", running.private_address});
    const auto interface = route ? route->find(" dev hi") : std::string::npos;
    return {interface == std::string::npos ? "none" : "hearth_" + route->substr(interface + 7, 5)};
  }
  bool has_rules() const { return oci::run_command({"nft", "list", "table", "inet", table}).has_value(); }
  static bool has_layers() { return oci::is_mounted(data_folder() / "instances/layers"); }
};

// A server that was killed when its machines had ended knows nothing of what it has changed on the host.
TEST_F(OciRuntime, NothingStaysOnTheHostOfMachinesThatEndedBeforeAServerWasStartedAnew) {
  const InstanceSpec machine = spec("echo up; until [ -e /root/go ]; do sleep 0.05; done; shutdown");
  start(machine);
  ASSERT_TRUE(says(machine, "up"));
  const Remains remains = Remains::of(machine);
  EXPECT_TRUE(remains.has_rules() && Remains::has_layers());
  runtime_.reset();
  std::ofstream(data_folder() / "instances" / machine.id / "root/root/go") << "go";
  runtime_ = open_runtime();
  ASSERT_TRUE(runtime_);
  wait_until_exited(machine);
  runtime_.reset();
  runtime_ = open_runtime();
  ASSERT_TRUE(runtime_);
  EXPECT_TRUE(remains.has_rules() && Remains::has_layers()) << "a machine that is stopped may start again";
  ASSERT_TRUE(sync_wait(runtime_->remove(machine.id)));
  EXPECT_FALSE(remains.has_rules());
  EXPECT_FALSE(Remains::has_layers());
}

TEST_F(OciRuntime, NothingStaysOnTheHostOfMachinesThatNobodyRemembers) {
  const InstanceSpec machine = spec("echo up; sleep 600");
  start(machine);
  ASSERT_TRUE(says(machine, "up"));
  const Remains remains = Remains::of(machine);
  ASSERT_TRUE(sync_wait(runtime_->stop(machine.id, 10s)));
  runtime_.reset();
  fs::remove_all(data_folder() / "instances" / machine.id);
  runtime_ = open_runtime();
  ASSERT_TRUE(runtime_);
  EXPECT_FALSE(remains.has_rules());
  EXPECT_FALSE(Remains::has_layers());
}

// What the host keeps to itself now, not what it kept when its first instance started.
TEST_F(OciRuntime, ASecretThatIsYoungerThanTheFirstInstanceIsHiddenFromTheNext) {
  const InstanceSpec first = spec("echo done; sleep 600");
  start(first);
  ASSERT_TRUE(says(first, "done"));
  const std::string secret = "/etc/hearth-oci-test-" + std::to_string(::getpid());
  std::ofstream(secret) << "of the host";
  ASSERT_EQ(::chmod(secret.c_str(), 0600), 0);
  const InstanceSpec second = spec("test -e " + secret + " && echo seen || echo hidden; echo done", 12);
  start(second);
  EXPECT_TRUE(says(second, "done"));
  ::unlink(secret.c_str());
  EXPECT_TRUE(console(second).contains("hidden")) << console(second);
}

// The last one goes while another comes: the network's rules and the layers must be there for it.
TEST_F(OciRuntime, AnInstanceStartsWhileTheLastOneIsRemoved) {
  InstanceSpec going = spec("echo up; sleep 600");
  start(going);
  for (int round = 0; round < 3; ++round) {
    const InstanceSpec coming = spec("echo up; sleep 600", 12 + round);
    ASSERT_TRUE(says(going, "up")) << console(going);
    std::thread remove([&] { EXPECT_TRUE(sync_wait(runtime_->remove(going.id))); });
    start(coming);
    remove.join();
    EXPECT_TRUE(sync_wait(runtime_->set_firewall(coming.id, {}, {})));
    going = coming;
  }
}

TEST_F(OciRuntime, UserDataRunsOnceAsRootWithItsEnvironmentAndNothingOfTheHosts) {
  const InstanceSpec machine = spec(
      "echo \"user $(id -un) on $(hostname) region $AWS_REGION secret=$HEARTH_TEST_SECRET\"; "
      "ls /root /home /work 2>&1 | head -3; cat /etc/shadow | wc -l; echo again >> /root/count; wc -l < /root/count; "
      "echo done");
  ::setenv("HEARTH_TEST_SECRET", "of the host", 1);
  start(machine);
  ASSERT_TRUE(says(machine, "done"));
  EXPECT_TRUE(console(machine).contains("user root on " + machine.hostname + " region eu-north-1 secret=\n"))
      << console(machine);
  const auto stopped = sync_wait(runtime_->stop(machine.id, 10s));
  ASSERT_TRUE(stopped) << stopped.error().message() << ": " << stopped.error().detail();
  start(machine);
  for (const auto deadline = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < deadline;
       std::this_thread::sleep_for(10ms))
    if (const auto text = console(machine); text.find("booted") != text.rfind("booted")) break;
  const auto text = console(machine);
  EXPECT_NE(text.find("booted"), text.rfind("booted"));
  EXPECT_EQ(text.find("done"), text.rfind("done")) << "user data ran again at the second start:\n" << text;
}

TEST_F(OciRuntime, AnInstanceDoesNotSeeTheDataFolderOrOtherRoots) {
  std::ofstream(data_folder() / "secret-key") << "secret";
  const InstanceSpec machine = spec("ls -d " + data_folder().string() + " 2>&1; ls /proc/1/root/; echo listed");
  start(machine);
  ASSERT_TRUE(says(machine, "listed"));
  EXPECT_TRUE(console(machine).contains("No such file")) << console(machine);
}

TEST_F(OciRuntime, LimitsHold) {
  InstanceSpec machine = spec(
      "nproc; "
      "dd if=/dev/zero of=/big bs=1M count=300 2>&1 | grep -c 'No space left'; sync; "
      "mknod /dev/sda b 8 0 2>&1; mount -t tmpfs none /mnt 2>&1; unshare -n true 2>&1; echo > /proc/sysrq-trigger; "
      "echo limited");
  start(machine);
  ASSERT_TRUE(says(machine, "limited"));
  const auto text = console(machine);
  EXPECT_TRUE(text.contains("\n1\n1\n")) << text;  // one processor, one refusal of dd
  EXPECT_TRUE(text.contains("mknod: /dev/sda: Operation not permitted")) << text;
  EXPECT_TRUE(text.contains("unshare failed")) << text;
  const auto usage = sync_wait(runtime_->usage(machine.id));
  ASSERT_TRUE(usage);
  EXPECT_GT(usage->cpu_nanoseconds, 0U);
  EXPECT_GT(usage->root_used_bytes, std::uint64_t{50} << 20);
  EXPECT_GT(usage->memory_bytes, 0U);
  EXPECT_GT(usage->disk_write_bytes, std::uint64_t{50} << 20);
  EXPECT_GT(usage->disk_write_count, 0U);
}

TEST_F(OciRuntime, AProgramThatTakesTooMuchMemoryIsKilledAndTheInstanceLives) {
  const InstanceSpec machine = spec("dd if=/dev/zero of=/dev/null bs=1G count=1; echo \"it ended with $?\"");
  start(machine);
  ASSERT_TRUE(says(machine, "it ended with 137"));
  EXPECT_EQ(sync_wait(runtime_->observe())->front().state, RunState::running);
  EXPECT_FALSE(std::filesystem::exists("oom")) << "conmon's note belongs into the instance's folder, not into ours";
}

TEST_F(OciRuntime, ShutdownFromInsideEndsIt) {
  const InstanceSpec machine = spec("echo bye; shutdown -h now");
  start(machine);
  const auto seen = wait_until_exited(machine);
  EXPECT_EQ(seen.exit_code, 0);
  EXPECT_TRUE(console(machine).contains("The system is going down"));
}

TEST_F(OciRuntime, StopGivesProgramsTimeToEnd) {
  const InstanceSpec machine = spec("trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.1; done");
  start(machine);
  ASSERT_TRUE(says(machine, "ready"));
  ASSERT_TRUE(sync_wait(runtime_->stop(machine.id, 10s)));
  EXPECT_TRUE(console(machine).contains("saved")) << console(machine);
}

TEST_F(OciRuntime, FilesOutliveAStopAndAreGoneAfterRemove) {
  const InstanceSpec machine = spec("echo kept > /root/file; echo written");
  start(machine);
  ASSERT_TRUE(says(machine, "written"));
  ASSERT_TRUE(sync_wait(runtime_->stop(machine.id, 10s)));
  start(machine);
  const auto root = data_folder() / "instances" / machine.id / "root/root/file";
  EXPECT_TRUE(fs::exists(root));
  ASSERT_TRUE(sync_wait(runtime_->remove(machine.id)));
  EXPECT_FALSE(fs::exists(data_folder() / "instances" / machine.id));
}

TEST_F(OciRuntime, InstancesOutliveUs) {
  const InstanceSpec machine = spec("echo ready; i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.05; done");
  start(machine);
  ASSERT_TRUE(says(machine, "tick 2"));
  runtime_.reset();
  runtime_ = open_runtime();
  ASSERT_TRUE(runtime_);
  const auto observed = sync_wait(runtime_->observe());
  ASSERT_EQ(observed->size(), 1U);
  EXPECT_EQ(observed->front().state, RunState::running);
  const auto before = console(machine).size();
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (console(machine).size() <= before && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(10ms);
  EXPECT_GT(console(machine).size(), before) << "the console no longer grows";
  EXPECT_TRUE(sync_wait(runtime_->usage(machine.id)));
  EXPECT_TRUE(sync_wait(runtime_->stop(machine.id, 10s)));
}

TEST_F(OciRuntime, AListenerInsideAnswersTheInstanceAndLeavesThePortFree) {
  const InstanceSpec machine = spec(
      "until [ -e /root/go ]; do sleep 0.05; done; "
      "curl -s -m 5 http://169.254.169.254/latest/ ; "
      "timeout 1 python3 -m http.server 80 >/dev/null 2>&1; echo \"server $?\"");
  start(machine);
  const auto listener = sync_wait(runtime_->open_listener(machine.id, "169.254.169.254", 80));
  ASSERT_TRUE(listener) << listener.error().message() << listener.error().detail();
  std::ofstream(data_folder() / "instances" / machine.id / "root/root/go") << "go";
  std::thread server([fd = *listener] {
    int connection = -1;
    while ((connection = ::accept(fd, nullptr, nullptr)) < 0 && errno == EAGAIN) std::this_thread::sleep_for(5ms);
    std::string request(1000, '\0');
    (void)!::read(connection, request.data(), request.size());
    const std::string answer = "HTTP/1.0 200 OK\r\n\r\nhello from the platform\n";
    (void)!::write(connection, answer.data(), answer.size());
    ::close(connection);
  });
  EXPECT_TRUE(says(machine, "hello from the platform"));
  EXPECT_TRUE(says(machine, "server 124")) << "an instance's own server on port 80 must work";
  ::shutdown(*listener, SHUT_RDWR);
  server.join();
  ::close(*listener);
}

TEST_F(OciRuntime, SecurityGroupsAreEnforced) {
  InstanceSpec server = spec(
      "cd /tmp; python3 -m http.server 8000 & python3 -m http.server 9000 & "
      "for port in 8000 9000; do until curl -s -o /dev/null localhost:$port; do sleep 0.1; done; done; echo serving");
  InstanceSpec client = spec("", 12);
  server.ingress = {
      {.protocol = "tcp", .from_port = 8000, .to_port = 8000, .peer_addresses = {client.private_address}}};
  start(server);
  ASSERT_TRUE(says(server, "serving"));
  client.user_data = "#!/bin/sh\nfor port in 8000 9000; do curl -s -o /dev/null -m 2 http://" + server.private_address +
                     ":$port/; echo \"port $port gave $?\"; done\n";
  start(client);
  EXPECT_TRUE(says(client, "port 8000 gave 0"));
  EXPECT_TRUE(says(client, "port 9000 gave 28"));

  // Rules change under a running instance; the host is outside as well.
  const auto host_reaches = [&](int port) {
    return oci::run_command({"curl", "-s", "-o", "/dev/null", "-m", "2",
                             "http://" + server.private_address + ":" + std::to_string(port) + "/"})
        .has_value();
  };
  EXPECT_FALSE(host_reaches(9000));
  ASSERT_TRUE(sync_wait(runtime_->set_firewall(
      server.id, {{.protocol = "tcp", .from_port = 9000, .to_port = 9000, .cidrs = {"169.254.1.1/32"}}},
      server.egress)));
  EXPECT_TRUE(host_reaches(9000));
  EXPECT_FALSE(host_reaches(8000));
}

// Character devices that every host has, and that no container is given by itself, stand for two GPUs.
TEST_F(OciRuntime, AnInstanceOpensItsGpusAndNoOthers) {
  const fs::path places = data_folder() / "fake-gpus";
  fs::create_directories(places / "dev");
  const auto make_node = [](const fs::path& path, unsigned major, unsigned minor) {
    return ::mknod(path.c_str(), S_IFCHR | 0666, makedev(major, minor)) == 0;
  };
  constexpr unsigned misc = 10, loop_control = 237, fuse = 229;
  ASSERT_TRUE(make_node(places / "dev/nvidia0", misc, loop_control));
  ASSERT_TRUE(make_node(places / "dev/nvidia1", misc, fuse));
  std::ofstream(places / "gpus") << "GPU-first;NVIDIA L4;0;23034;512;80;40;61;70500\n"
                                    "GPU-second;NVIDIA L4;1;23034;0;0;0;35;20000\n";
  ::setenv("FAKE_NVML", (places / "gpus").c_str(), 1);
  runtime_.reset();
  auto opened = open_oci_instance_runtime(
      {.folder = data_folder() / "instances",
       .data_folder = data_folder(),
       .gpu_places = {.nvml_library = FAKE_NVML_LIBRARY, .driver = places / "proc", .devices = places / "dev"}},
      pool(), system_clock());
  ASSERT_TRUE(opened) << opened.error().message();
  runtime_ = *std::move(opened);
  ASSERT_EQ(runtime_->capacity().gpus.size(), 2U);

  InstanceSpec machine = spec(
      "ls /dev/nvidia*; echo \"for software: $NVIDIA_VISIBLE_DEVICES\"; "
      "(exec 3<>/dev/nvidia0) && echo opened its own; "
      "until [ -e /dev/leaked ]; do sleep 0.05; done; (exec 3<>/dev/leaked) 2>&1; echo tried");
  machine.gpu_uuids = {"GPU-first"};
  start(machine);
  ASSERT_TRUE(says(machine, "opened its own"));
  std::ifstream state(data_folder() / "instances" / machine.id / "state.json");
  const auto stored = boost::json::parse(std::string(std::istreambuf_iterator<char>(state), {}));
  const std::string inside = fmt::format("/proc/{}/root", stored.at("pid").as_int64());
  EXPECT_TRUE(make_node(inside + "/dev/leaked", misc, fuse));
  ASSERT_TRUE(says(machine, "tried"));
  const std::string text = console(machine);
  EXPECT_TRUE(text.contains("/dev/nvidia0\n") && !text.contains("/dev/nvidia1")) << text;
  EXPECT_TRUE(text.contains("for software: GPU-first\n")) << text;
  EXPECT_TRUE(text.contains("leaked: Operation not permitted")) << "a node that leaks in must not open:\n" << text;

  const auto usage = sync_wait(runtime_->usage(machine.id));
  ASSERT_TRUE(usage);
  ASSERT_EQ(usage->gpus.size(), 1U);
  EXPECT_EQ(usage->gpus.front().utilization_percent, 80);
  ::unsetenv("FAKE_NVML");
}

TEST_F(OciRuntime, NamesOfTheNetworkAreKnownAndAgainAfterARestartOfOurs) {
  const InstanceSpec machine = spec(
      "cat /etc/resolv.conf; getent hosts ip-172-31-9-9.eu-north-1.compute.internal; "
      "until [ -e /root/go ]; do sleep 0.05; done; getent hosts ip-172-31-8-8; echo resolved");
  start(machine);
  ASSERT_TRUE(says(machine, "172.31.9.9"));
  EXPECT_TRUE(console(machine).contains("nameserver 169.254.169.253")) << console(machine);
  runtime_.reset();
  runtime_ = open_runtime();
  ASSERT_TRUE(runtime_);
  std::ofstream(data_folder() / "instances" / machine.id / "root/root/go") << "go";
  ASSERT_TRUE(says(machine, "resolved"));
  EXPECT_TRUE(console(machine).contains("172.31.8.8")) << "a short name is looked for in the domain of the region:\n"
                                                       << console(machine);
}

TEST_F(OciRuntime, AnImageIsTheRootAndStaysAsItIs) {
  if (!fs::exists("/bin/busybox")) GTEST_SKIP() << "AN IMAGE CANNOT BE MADE HERE: busybox-static is not installed";
  const fs::path image = data_folder() / "image";
  fs::create_directories(image / "bin");
  fs::copy_file("/bin/busybox", image / "bin/busybox", fs::copy_options::overwrite_existing);
  for (const char* applet : {"sh", "mkdir", "cat", "touch", "cp", "tee", "sleep", "ls", "id", "shutdown"})
    if (!fs::exists(image / "bin" / applet)) fs::create_symlink("busybox", image / "bin" / applet);
  InstanceSpec machine = spec("ls /; echo kept > /file; echo \"on $MODEL as $(id -u)\"; echo said");
  machine.image_path = image;
  machine.environment["MODEL"] = "tiny";
  machine.environment["PATH"] = "/bin:/sbin";
  start(machine);
  ASSERT_TRUE(says(machine, "said"));
  EXPECT_TRUE(console(machine).contains("on tiny as 0")) << console(machine);
  EXPECT_FALSE(console(machine).contains("home")) << "the host shows through:\n" << console(machine);
  EXPECT_FALSE(fs::exists(image / "file"));
  EXPECT_FALSE(fs::exists(image / "etc"));
}

// conmon begins its file anew when it is large. Some of the last lines of the old one may be unread by then.
TEST(Console, NothingIsSkippedWhereTheFileBeginsAnew) {
  const fs::path folder = data_folder() / "console";
  fs::create_directories(folder);
  const auto write_line = [&](const char* file, const std::string& text, std::ios::openmode mode) {
    std::ofstream(folder / file, mode) << "2026-11-23T12:00:00.000000000+00:00 stdout F " << text << "\n";
  };
  write_line("console.log", "one", std::ios::trunc);
  oci::ConsoleReader reader(folder);
  EXPECT_EQ(reader.read(0, 100).value_or("?"), "one\n");
  write_line("console.log", "two", std::ios::app);
  write_line("console.new", "three", std::ios::trunc);
  fs::rename(folder / "console.new", folder / "console.log");
  EXPECT_EQ(reader.read(4, 100).value_or("?"), "two\n");
  EXPECT_EQ(reader.read(8, 100).value_or("?"), "three\n");
  EXPECT_EQ(reader.read(14, 100).value_or("?"), "");
}

TEST_F(OciRuntime, AnAddressInUseIsRefused) {
  const InstanceSpec first = spec("");
  start(first);
  InstanceSpec second = spec("", 13);
  second.private_address = first.private_address;
  const auto started = sync_wait(runtime_->start(second));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind(), ErrorKind::conflict);
}

}  // namespace
}  // namespace hearth
