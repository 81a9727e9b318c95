#include "engines/oci/oci_runtime.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/row.h"
#include "engines/oci/boot.h"
#include "engines/oci/bundle.h"
#include "engines/oci/console.h"
#include "engines/oci/container.h"
#include "engines/oci/host.h"
#include "engines/oci/network.h"
#include "engines/oci/resolver.h"
#include "engines/oci/root_volume.h"
#include "engines/oci/usage.h"

namespace hearth {
namespace fs = std::filesystem;
namespace oci {

// What we must remember of an instance beyond our own life: state.json in its folder.
struct StoredInstance {
  std::string id;
  std::string address;
  std::vector<int> cpus;
  std::vector<std::string> gpu_uuids;
  std::int64_t pid = 0;
  std::uint64_t pid_started_ticks = 0;
  std::int64_t started_ms = 0;
};
BOOST_DESCRIBE_STRUCT(StoredInstance, (), (id, address, cpus, gpu_uuids, pid, pid_started_ticks, started_ms))

}  // namespace oci

namespace {
using namespace oci;

// Five hexadecimal digits that tell this folder's interfaces and rules from another server's on the same host.
std::string tag_of(const fs::path& folder) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : folder.string()) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return fmt::format("{:05x}", (hash >> 20) & 0xFFFFF);
}

class OciInstanceRuntime final : public InstanceRuntime {
 public:
  OciInstanceRuntime(OciRuntimeOptions options, ThreadPool& pool, const Clock& clock)
      : options_(std::move(options)),
        pool_(pool),
        clock_(clock),
        network_(tag_of(options_.folder)),
        gpus_(options_.gpu_places) {}

  Result<void> open();

  HostCapacity capacity() const override {
    HostCapacity capacity = host_capacity();
    capacity.gpus = gpus_.list();
    return capacity;
  }
  std::vector<std::string> missing_requirements() const override { return missing_on_this_host(); }

  Async<void> start(const InstanceSpec& spec) override {
    CO_TRY_DO(co_await offload(pool_, [&] { return start_now(spec); }));
    co_return ok;
  }
  Async<void> stop(const std::string& id, std::chrono::milliseconds grace) override {
    CO_TRY_DO(co_await offload(pool_, [&] { return stop_now(id, grace); }));
    co_return ok;
  }
  Async<void> remove(const std::string& id) override {
    CO_TRY_DO(co_await offload(pool_, [&] { return remove_now(id); }));
    co_return ok;
  }
  Async<void> set_firewall(const std::string& id, std::vector<FirewallRule> ingress,
                           std::vector<FirewallRule> egress) override {
    CO_TRY_DO(co_await offload(pool_, [&]() -> Result<void> {
      TRY(const auto instance, find(id));
      std::lock_guard lock(instance->mutex);
      return network_.set_firewall(id, instance->stored().address, ingress, egress);
    }));
    co_return ok;
  }
  Async<std::vector<ObservedInstance>> observe() override {
    co_return co_await offload(pool_, [&] { return Result<std::vector<ObservedInstance>>(observe_now()); });
  }
  Async<InstanceUsage> usage(const std::string& id) override {
    co_return co_await offload(pool_, [&]() -> Result<InstanceUsage> {
      TRY(const auto instance, find(id));
      const ProcessId init = instance->init();
      if (!init.is_alive()) return Error(ErrorKind::not_found, "the instance does not run");
      TRY(InstanceUsage usage, read_usage(init.pid, paths(id).volume));
      usage.gpus = gpus_.usage(instance->stored().gpu_uuids);
      return usage;
    });
  }
  Async<std::string> console(const std::string& id, std::uint64_t offset, std::size_t limit_bytes) override {
    co_return co_await offload(pool_, [&]() -> Result<std::string> {
      TRY(const auto instance, find(id));
      std::lock_guard lock(instance->console_mutex);
      return instance->console.read(offset, limit_bytes);
    });
  }
  Async<int> open_listener(const std::string& id, const std::string& address, int port) override {
    co_return co_await offload(pool_, [&]() -> Result<int> {
      TRY(const auto instance, find(id));
      const ProcessId init = instance->init();
      if (!init.is_alive()) return Error(ErrorKind::not_found, "the instance does not run");
      const Listener listener{.address = address, .port = port};
      TRY(const auto inside, NetworkNamespace::of_process(init.pid));
      if (!instance->is_ready_for(listener)) TRY_DO(prepare_listeners(inside, {listener}));
      return listen_in_namespace(inside, address, port);
    });
  }

 private:
  struct Instance {
    explicit Instance(const fs::path& folder) : console(folder) {}
    std::mutex mutex;  // held while the instance changes, which may take seconds
    std::mutex console_mutex;
    ConsoleReader console;

    StoredInstance stored() const {
      std::lock_guard lock(stored_mutex_);
      return stored_;
    }
    void set_stored(StoredInstance stored) {
      std::lock_guard lock(stored_mutex_);
      stored_ = std::move(stored);
    }
    ProcessId init() const {
      std::lock_guard lock(stored_mutex_);
      return {static_cast<pid_t>(stored_.pid), stored_.pid_started_ticks};
    }
    // Which listeners the network was made ready for; none after a restart of ours.
    bool is_ready_for(const Listener& listener) const {
      std::lock_guard lock(stored_mutex_);
      return std::ranges::find(listeners_, listener) != listeners_.end();
    }
    void set_listeners(std::vector<Listener> listeners) {
      std::lock_guard lock(stored_mutex_);
      listeners_ = std::move(listeners);
    }

   private:
    mutable std::mutex stored_mutex_;
    StoredInstance stored_;
    std::vector<Listener> listeners_;
  };

  fs::path folder_of(const std::string& id) const { return options_.folder / id; }
  fs::path state_file(const std::string& id) const { return folder_of(id) / "state.json"; }
  fs::path layers_folder() const { return options_.folder / "layers"; }
  fs::path host_mask_folder(const std::string& id) const { return layers_folder() / ("host-" + id); }
  VolumePaths paths(const std::string& id) const {
    const fs::path folder = folder_of(id);
    return {.image = folder / "volume.img", .volume = folder / "volume", .root = folder / "root"};
  }
  Container container(const std::string& id) const { return {options_.folder / "runc", folder_of(id), id}; }

  Result<std::shared_ptr<Instance>> find(const std::string& id) const;
  std::shared_ptr<Instance> find_or_add(const std::string& id);
  Result<void> save(const StoredInstance& stored) const;
  Result<void> prepare_host();
  void restore_host_if_unused();
  std::vector<int> choose(const std::vector<int>& available, std::size_t count,
                          std::vector<int> StoredInstance::* taken) const;

  Result<void> start_now(const InstanceSpec& spec);
  Result<void> launch(Instance& instance, const InstanceSpec& spec);
  Result<void> build(const InstanceSpec& spec, BundlePlan plan);
  Result<void> stop_now(const std::string& id, std::chrono::milliseconds grace);
  Result<void> remove_now(const std::string& id);
  Result<void> release(const Instance& instance, const std::string& id);
  Result<void> serve_names(const std::string& id, const NetworkNamespace& inside);
  std::vector<ObservedInstance> observe_now();

  const OciRuntimeOptions options_;
  ThreadPool& pool_;
  const Clock& clock_;
  HostNetwork network_;
  const Gpus gpus_;
  InstanceResolver resolver_;
  mutable std::mutex mutex_;  // of what follows; never held while a tool runs
  std::map<std::string, std::shared_ptr<Instance>> instances_;
  std::mutex host_mutex_;  // held while the host is prepared
  bool host_is_prepared_ = false;
};

// Finds what an earlier process of ours left, running or not.
Result<void> OciInstanceRuntime::open() {
  std::error_code error;
  fs::create_directories(options_.folder, error);
  if (error) return Error(ErrorKind::unavailable, "cannot make the instances' folder", error.message());
  fs::permissions(options_.folder, fs::perms::owner_all, error);
  bool any_runs = false;
  for (const auto& entry : fs::directory_iterator(options_.folder, error)) {
    std::ifstream file(entry.path() / "state.json");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text.empty()) continue;
    auto stored = row::decode<StoredInstance>(text);
    if (!stored) {  // the host went down before it was on the disk
      log::warning("oci: an instance's state cannot be read", {{"file", (entry.path() / "state.json").string()}});
      continue;
    }
    const auto instance = find_or_add(stored->id);
    instance->set_stored(*std::move(stored));
    const ProcessId init = instance->init();
    if (!init.is_alive()) continue;
    any_runs = true;
    const auto inside = NetworkNamespace::of_process(init.pid);
    if (const auto served = inside ? serve_names(instance->stored().id, *inside) : Result<void>(inside.error());
        !served)
      log::warning("oci: an instance has no name server",
                   {{"instance", instance->stored().id}, {"error", served.error().message()}});
  }
  // The rules may be of an older version of ours, or of a process of ours that was killed after its last machine.
  if (any_runs) return prepare_host();
  std::lock_guard host_lock(host_mutex_);
  restore_host_if_unused();
  return ok;
}

Result<std::shared_ptr<OciInstanceRuntime::Instance>> OciInstanceRuntime::find(const std::string& id) const {
  std::lock_guard lock(mutex_);
  const auto found = instances_.find(id);
  if (found == instances_.end()) return Error(ErrorKind::not_found, "no such instance");
  return found->second;
}

std::shared_ptr<OciInstanceRuntime::Instance> OciInstanceRuntime::find_or_add(const std::string& id) {
  std::lock_guard lock(mutex_);
  auto& instance = instances_[id];
  if (!instance) instance = std::make_shared<Instance>(folder_of(id));
  return instance;
}

// Whole or not at all when this process dies. When the host goes down nothing of what it says is true any more.
Result<void> OciInstanceRuntime::save(const StoredInstance& stored) const {
  const fs::path place = state_file(stored.id), unfinished = place.string() + ".new";
  std::ofstream file(unfinished, std::ios::trunc);
  file << row::encode(stored);
  file.close();
  if (!file || ::rename(unfinished.c_str(), place.c_str()) != 0)
    return Error(errno == ENOSPC ? ErrorKind::no_space : ErrorKind::unavailable, "cannot write the instance's state",
                 std::strerror(errno));
  return ok;
}

Result<void> OciInstanceRuntime::prepare_host() {
  std::lock_guard lock(host_mutex_);
  if (host_is_prepared_) return ok;
  if (const auto missing = missing_on_this_host(); !missing.empty())
    return Error(ErrorKind::unsupported, fmt::format("{}", fmt::join(missing, " ")));
  TRY_DO(prepare_layers(layers_folder()));  // first: restore_host_if_unused() looks for them
  TRY_DO(network_.prepare());
  host_is_prepared_ = true;
  return ok;
}

// A host without instances looks as it did before the first. One that starts meanwhile is in the list before it asks
// for a prepared host, so either it is seen here or it waits for host_mutex_, which the caller holds, and prepares the
// host again.
void OciInstanceRuntime::restore_host_if_unused() {
  {
    std::lock_guard lock(mutex_);
    if (!instances_.empty()) return;
  }
  host_is_prepared_ = false;
  if (!is_mounted(layers_folder())) return;
  network_.remove_table();
  ::umount2(layers_folder().c_str(), MNT_DETACH);
}

// The least used ones of `available`, so that machines spread over the host; lowest numbers first.
std::vector<int> OciInstanceRuntime::choose(const std::vector<int>& available, std::size_t count,
                                            std::vector<int> StoredInstance::* taken) const {
  std::map<int, int> use_count;
  for (const int number : available) use_count[number] = 0;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, instance] : instances_)
      if (instance->init().is_alive())
        for (const int number : instance->stored().*taken)
          if (use_count.contains(number)) ++use_count[number];
  }
  std::vector<int> chosen = available;
  std::ranges::stable_sort(chosen, {}, [&](int number) { return use_count[number]; });
  if (chosen.size() > count) chosen.resize(count);
  std::ranges::sort(chosen);
  return chosen;
}

Result<void> OciInstanceRuntime::start_now(const InstanceSpec& spec) {
  // In the list before the host is prepared: from here on no remove() takes this for a host without instances.
  const auto instance = find_or_add(spec.id);
  if (auto prepared = prepare_host(); !prepared) {
    std::lock_guard host_lock(host_mutex_);
    {
      std::lock_guard lock(mutex_);
      if (std::error_code ignored; !fs::exists(folder_of(spec.id), ignored)) instances_.erase(spec.id);
    }
    restore_host_if_unused();
    return prepared;
  }
  std::lock_guard lock(instance->mutex);
  if (const auto listed = find(spec.id); !listed || *listed != instance)
    return Error(ErrorKind::unavailable, "the instance was removed while it started", spec.id);
  if (instance->init().is_alive()) return ok;
  // What an earlier run, or a crash in the middle of a start, left.
  if (std::error_code ignored; fs::exists(state_file(spec.id), ignored)) TRY_DO(release(*instance, spec.id));
  auto launched = launch(*instance, spec);
  if (!launched) {
    // A start that failed leaves nothing running; the root volume stays for another try.
    (void)release(*instance, spec.id);
  }
  return launched;
}

Result<void> OciInstanceRuntime::launch(Instance& instance, const InstanceSpec& spec) {
  const fs::path folder = folder_of(spec.id);
  std::error_code error;
  fs::create_directories(folder / "bundle", error);
  if (error) return Error(ErrorKind::unavailable, "cannot make the instance's folder", error.message());
  fs::permissions(folder, fs::perms::owner_all, error);

  TRY(const GpuGrant gpus, gpus_.grant(spec.gpu_uuids));
  std::vector<int> cpus;
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  StoredInstance stored{
      .id = spec.id,
      .address = spec.private_address,
      .cpus = choose(cpus, static_cast<std::size_t>(std::max(1, spec.vcpu_count)), &StoredInstance::cpus),
      .gpu_uuids = gpus.uuids,
      .started_ms = to_ms(clock_.now())};
  instance.set_stored(stored);
  TRY_DO(save(stored));  // from here on a crash leaves a trace that release() follows

  std::vector<Listener> listeners;
  for (const auto& place : spec.listener_places) listeners.push_back({.address = place.address, .port = place.port});
  instance.set_listeners(listeners);
  listeners.push_back({.address = resolver_address, .port = resolver_port, .is_datagram = true});
  TRY(const NetworkNamespace inside, NetworkNamespace::make());
  // The network needs nothing of the container and the container only a namespace: both are made at once.
  Result<void> connected = ok;
  std::jthread connecting([&] {
    connected = network_.connect(spec, listeners, inside);
    if (connected) connected = serve_names(spec.id, inside);
  });
  TRY_DO(build(spec, {.root = paths(spec.id).root,
                      .boot_folder = folder / "boot",
                      .cgroup_path = "/hearth/" + spec.id,
                      .network_path = inside.path(),
                      .cpus = stored.cpus,
                      .gpus = gpus}));
  Container box = container(spec.id);
  TRY(const ProcessId init, box.create());
  stored.pid = init.pid;
  stored.pid_started_ticks = init.started_ticks;
  instance.set_stored(stored);
  TRY_DO(save(stored));
  connecting.join();
  TRY_DO(std::move(connected));
  if (spec.before_boot) TRY_DO(spec.before_boot());
  return box.start();
}

// What the container is made from: its root, the files in it, its configuration.
Result<void> OciInstanceRuntime::build(const InstanceSpec& spec, BundlePlan plan) {
  const VolumePaths volume = paths(spec.id);
  TRY_DO(create_volume(volume, spec.root_volume_bytes, options_.folder / "blank-volumes"));
  Result<void> durable = ok;
  std::jthread syncing([&] { durable = make_volume_durable(volume); });
  std::vector<fs::path> layers = {layers_folder() / "additions"};
  if (spec.image_path.empty()) {
    TRY_DO(make_host_mask(host_mask_folder(spec.id), options_.data_folder));
    layers.insert(layers.end(), {host_mask_folder(spec.id), "/"});
  } else {
    layers.emplace_back(spec.image_path);
  }
  TRY_DO(mount_root(volume, layers));
  TRY_DO(write_instance_files(volume.root, spec));
  TRY_DO(write_boot_folder(plan.boot_folder, spec));
  std::ofstream(folder_of(spec.id) / "bundle" / "config.json", std::ios::trunc) << bundle_configuration(spec, plan);
  syncing.join();
  return durable;
}

Result<void> OciInstanceRuntime::serve_names(const std::string& id, const NetworkNamespace& inside) {
  TRY(const int socket, datagrams_in_namespace(inside, resolver_address, resolver_port));
  resolver_.serve(id, socket);
  return ok;
}

// Everything but the root volume's image, the console and the state.
Result<void> OciInstanceRuntime::release(const Instance& instance, const std::string& id) {
  resolver_.forget(id);
  container(id).remove();
  TRY_DO(network_.disconnect(id, instance.stored().address));
  TRY_DO(unmount_root(paths(id)));
  std::error_code error;
  fs::remove_all(host_mask_folder(id), error);
  if (error) return Error(ErrorKind::unavailable, "cannot remove the instance's layer", error.message());
  return ok;
}

// Asked again and again: the kernel drops what is sent to an init that has just begun and does not listen yet.
bool ask_to_end(const ProcessId& init, std::chrono::milliseconds grace) {
  constexpr std::chrono::milliseconds patience{500};
  for (const auto deadline = std::chrono::steady_clock::now() + grace;;) {
    init.signal(SIGTERM);
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (init.wait_for_end(std::clamp(left, std::chrono::milliseconds(0), patience))) return true;
    if (left <= patience) return false;
  }
}

Result<void> OciInstanceRuntime::stop_now(const std::string& id, std::chrono::milliseconds grace) {
  TRY(const auto instance, find(id));
  std::lock_guard lock(instance->mutex);
  if (const ProcessId init = instance->init(); init.is_alive()) {
    if (!ask_to_end(init, grace)) {
      init.signal(SIGKILL);
      if (!init.wait_for_end(std::chrono::seconds(10)))
        return Error(ErrorKind::unavailable, "the instance does not stop", id);
    }
  }
  return release(*instance, id);
}

Result<void> OciInstanceRuntime::remove_now(const std::string& id) {
  auto found = find(id);
  if (!found) return ok;
  const auto& instance = *found;
  // Before the lock: a stop that waits for its grace to pass ends at once.
  instance->init().signal(SIGKILL);
  {
    std::lock_guard lock(instance->mutex);
    (void)instance->init().wait_for_end(std::chrono::seconds(10));
    TRY_DO(release(*instance, id));
    std::error_code error;
    fs::remove_all(folder_of(id), error);
    if (error) return Error(ErrorKind::unavailable, "cannot remove the instance's files", error.message());
  }
  std::lock_guard host_lock(host_mutex_);
  {
    std::lock_guard lock(mutex_);
    instances_.erase(id);
  }
  restore_host_if_unused();
  return ok;
}

std::vector<ObservedInstance> OciInstanceRuntime::observe_now() {
  std::map<std::string, std::shared_ptr<Instance>> instances;
  {
    std::lock_guard lock(mutex_);
    instances = instances_;
  }
  std::vector<ObservedInstance> observed;
  for (const auto& [id, instance] : instances) {
    // One that is being started or stopped right now is neither running nor ended.
    const std::unique_lock lock(instance->mutex, std::try_to_lock);
    const bool is_alive = instance->init().is_alive();
    if (!lock && !is_alive) continue;
    ObservedInstance seen{.id = id, .started_at = from_ms(instance->stored().started_ms)};
    const Container box = container(id);
    // Without an exit code it would be taken for one that went down with the host: that is for conmon to write first.
    const bool is_ending = !is_alive && box.is_watched() && !box.exit_code();
    seen.state = is_alive || is_ending ? RunState::running : RunState::exited;
    if (seen.state == RunState::exited) {
      seen.exit_code = box.exit_code();
      if (box.was_out_of_memory() && seen.exit_code == 137)
        seen.detail = "killed: out of memory";
      else if (!seen.exit_code)
        seen.detail = "the host went down";
    }
    observed.push_back(std::move(seen));
  }
  return observed;
}

}  // namespace

Result<std::unique_ptr<InstanceRuntime>> open_oci_instance_runtime(OciRuntimeOptions options, ThreadPool& pool,
                                                                   const Clock& clock) {
  auto runtime = std::make_unique<OciInstanceRuntime>(std::move(options), pool, clock);
  TRY_DO(runtime->open());
  return std::unique_ptr<InstanceRuntime>(std::move(runtime));
}

}  // namespace hearth
