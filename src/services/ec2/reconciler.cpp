// What should be (rows) against what is (the runtime): the one place that drives machines. Every step may be cut off by
// a crash; the next look finds the difference again.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"
#include "services/ec2/instances.h"
#include "services/ec2/network.h"
#include "services/ec2/service.h"

namespace hearth::ec2 {
namespace {

// Two firewalls are the same when their texts are.
std::string text_of(const Firewall& firewall) {
  std::string text;
  for (const auto* rules : {&firewall.ingress, &firewall.egress}) {
    text += "|";
    for (const auto& rule : *rules)
      text += fmt::format("{} {} {} {} {};", rule.protocol, rule.from_port, rule.to_port, fmt::join(rule.cidrs, ","),
                          fmt::join(rule.peer_addresses, ","));
  }
  return text;
}

void note_running(InstanceRow& row) {
  if (row.state == state::pending) row.state = state::running;
  row.has_run = true;
}

}  // namespace

void Ec2Service::wake() {
  ports_.outbox.wake();
  if (reconciler_) reconciler_->wake();
}

void Ec2Service::log_failure(const char* doing, const std::string& id, const Error& error) const {
  log::warning("ec2: an action on an instance failed",
               {{"doing", doing}, {"instance", id}, {"error", error.message()}, {"detail", error.detail()}});
}

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html
void Ec2Service::emit_state(Transaction& tx, const InstanceRow& row) {
  ports_.outbox.emit(
      tx, {.topic = "ec2.instance.state",
           .key = row.id,
           .payload = fmt::format(R"({{"account":"{}","region":"{}","instance-id":"{}","state":"{}","time":"{}"}})",
                                  row.account_id, row.region, row.id, row.state, format_iso8601(ports_.clock.now()))});
}

Result<InstanceSpec> Ec2Service::spec_of(const InstanceRow& row) {
  const InstanceType* type = find_instance_type(row.instance_type);
  if (!type) return Error(ErrorKind::invalid, "the instance type " + row.instance_type + " is not known");
  InstanceSpec spec;
  spec.id = row.id;
  spec.hostname = hostname_of(row.private_address);
  spec.vcpu_count = type->vcpu_count;
  spec.memory_bytes = static_cast<std::uint64_t>(type->memory_mib) << 20;
  spec.root_volume_bytes = static_cast<std::uint64_t>(row.volume_gib) << 30;
  spec.gpu_uuids = row.gpu_uuids;
  spec.private_address = row.private_address;
  spec.mac_address = row.mac_address;
  spec.user_data = from_base64(row.user_data).value_or("");
  spec.environment = options_.environment;
  spec.environment["AWS_ENDPOINT_URL"] = fmt::format("http://{}:{}", instance_api_address, instance_api_port);
  spec.environment["AWS_REGION"] = row.region;
  spec.environment["AWS_DEFAULT_REGION"] = row.region;
  spec.read_only_mounts = options_.read_only_mounts;
  if (row.image_id != host_image_id()) {
    TRY(const StoredImage image, sync_wait(ports_.images.find(row.image_id)));
    spec.image_path = image.path;
    spec.environment.insert(image.environment.begin(), image.environment.end());
  }
  if (!row.key_name.empty()) {
    TRY(const auto stored, sync_wait(ports_.store.get(key_pair_key(row.account_id, row.region, row.key_name))));
    if (stored) {
      TRY(const auto key, row::decode<KeyPairRow>(*stored));
      spec.ssh_public_keys.push_back(key.public_key);
    }
  }
  TRY(const auto groups, sync_wait(groups_of(row.account_id, row.region)));
  TRY(const auto instances, sync_wait(instances_of(row.account_id, row.region)));
  Firewall firewall = compile_firewall(row, groups, instances);
  {
    std::lock_guard lock(mutex_);
    applied_firewalls_[row.id] = text_of(firewall);
  }
  spec.ingress = std::move(firewall.ingress);
  spec.egress = std::move(firewall.egress);
  spec.listener_places = {{std::string(instance_metadata_address), instance_metadata_port},
                          {std::string(instance_api_address), instance_api_port}};
  spec.before_boot = [this, row] { return open_front_door(row); };
  return spec;
}

Result<void> Ec2Service::open_front_door(const InstanceRow& row) {
  TRY_DO(sync_wait(ports_.front_door.open(row.id, row.hop_limit)));
  std::lock_guard lock(mutex_);
  open_doors_.insert(row.id);
  return ok;
}

void Ec2Service::close_front_door(const std::string& id) {
  ports_.front_door.close(id);
  std::lock_guard lock(mutex_);
  open_doors_.erase(id);
  applied_firewalls_.erase(id);
  last_usage_.erase(id);
  std::erase_if(role_credentials_, [&](const auto& entry) { return entry.first.starts_with(id); });
}

void Ec2Service::bring_up(const InstanceRow& row) {
  auto spec = spec_of(row);
  const Result<void> started = spec ? sync_wait(ports_.runtime.start(*spec)) : Result<void>(spec.error());
  if (started) {
    (void)sync_wait(change_instance(row.account_id, row.region, row.id, [](InstanceRow& now) -> Result<void> {
      note_running(now);
      return ok;
    }));
    return;
  }
  log_failure("start", row.id, started.error());
  close_front_door(row.id);
  // AWS: an instance that cannot be launched is terminated and says why; one that has run before is stopped again and
  // keeps its root volume.
  const Error& error = started.error();
  const bool no_space = error.kind() == ErrorKind::no_space;
  (void)sync_wait(change_instance(row.account_id, row.region, row.id, [&](InstanceRow& now) -> Result<void> {
    if (now.state != state::pending) return ok;
    now.state = now.has_run ? state::stopping : state::shutting_down;
    now.state_reason_code = no_space ? "Server.InsufficientInstanceCapacity" : "Server.InternalError";
    now.state_reason_message = now.state_reason_code + ": " + error.message();
    return ok;
  }));
}

void Ec2Service::bring_down(const InstanceRow& row, const char* final_state) {
  const bool for_good = final_state == std::string_view(state::terminated);
  close_front_door(row.id);
  constexpr std::chrono::milliseconds terminate_grace = std::chrono::seconds(5);
  const auto grace =
      row.skip_os_shutdown ? std::chrono::milliseconds(0) : (for_good ? terminate_grace : options_.stop_grace);
  auto done = sync_wait(ports_.runtime.stop(row.id, grace));
  if (for_good) {
    if (const auto followed = follow_console(row, true); !followed)
      log_failure("read the console", row.id, followed.error());
    done = sync_wait(ports_.runtime.remove(row.id));
  }
  // Never started: there is nothing to stop.
  if (!done && done.error().kind() != ErrorKind::not_found) return log_failure("stop", row.id, done.error());
  (void)sync_wait(change_instance(row.account_id, row.region, row.id, [&](InstanceRow& now) -> Result<void> {
    if (now.state != state::stopping && now.state != state::shutting_down) return ok;
    // Terminated while it was being stopped: the next look goes on from there.
    if (now.state == state::shutting_down && !for_good) return ok;
    now.state = final_state;
    now.gpu_uuids.clear();
    now.reboot_wanted = false;
    return ok;
  }));
}

void Ec2Service::restart(const InstanceRow& row) {
  close_front_door(row.id);
  if (const auto stopped = sync_wait(ports_.runtime.stop(row.id, options_.stop_grace));
      !stopped && stopped.error().kind() != ErrorKind::not_found)
    return log_failure("reboot", row.id, stopped.error());
  auto spec = spec_of(row);
  const Result<void> started = spec ? sync_wait(ports_.runtime.start(*spec)) : Result<void>(spec.error());
  if (!started) return log_failure("reboot", row.id, started.error());  // tried again at the next look
  (void)sync_wait(change_instance(row.account_id, row.region, row.id, [](InstanceRow& now) -> Result<void> {
    now.reboot_wanted = false;
    return ok;
  }));
}

// The instance's init has ended by itself.
void Ec2Service::note_end(const InstanceRow& row, const ObservedInstance& observed) {
  const bool killed = observed.exit_code.value_or(0) != 0;
  (void)sync_wait(change_instance(row.account_id, row.region, row.id, [&](InstanceRow& now) -> Result<void> {
    if (now.state != state::running && now.state != state::pending) return ok;
    now.state = now.shutdown_behavior == "terminate" ? state::shutting_down : state::stopping;
    now.state_reason_code = killed ? "Server.InternalError" : "Client.InstanceInitiatedShutdown";
    now.state_reason_message =
        killed ? fmt::format("Server.InternalError: the instance ended with exit code {}{}", *observed.exit_code,
                             observed.detail.empty() ? "" : ", " + observed.detail)
               : "Client.InstanceInitiatedShutdown: Instance initiated shutdown";
    now.transition_reason = "";
    return ok;
  }));
}

// One step for one instance, on a worker.
void Ec2Service::perform(InstanceRow row, std::optional<ObservedInstance> observed) {
  const bool runs = observed && observed->state == RunState::running;
  if (row.state == state::shutting_down) return bring_down(row, state::terminated);
  if (row.state == state::stopping) return bring_down(row, state::stopped);
  if (row.state == state::pending) {
    // Running already: we were cut off between starting it and writing that down. Its door is opened as for all others.
    if (!runs) return bring_up(row);
    (void)sync_wait(change_instance(row.account_id, row.region, row.id, [](InstanceRow& now) -> Result<void> {
      note_running(now);
      return ok;
    }));
  }
  // Also where it does not run: a crash between the stop and the start of a reboot is no shutdown.
  if (row.state == state::running && row.reboot_wanted) return restart(row);
  if (runs) {
    bool is_open = false;
    {
      std::lock_guard lock(mutex_);
      is_open = open_doors_.contains(row.id);
    }
    if (!is_open)
      if (const auto opened = open_front_door(row); !opened) log_failure("open the front door", row.id, opened.error());
    return;
  }
  if (row.state != state::running) return;
  // Ended, or the whole host went down: then it boots again, as after a power failure.
  if (observed && observed->exit_code) return note_end(row, *observed);
  restart(row);
}

Result<void> Ec2Service::reconcile_once() {
  TRY_DO(look());
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return busy_.empty(); });
  return ok;
}

Result<void> Ec2Service::look() {
  {
    std::lock_guard lock(mutex_);
    finished_.clear();
  }
  bool is_outdated = false;
  TRY(const auto rows, sync_wait(all_instances()));
  TRY(const auto observed, sync_wait(ports_.runtime.observe()));
  std::set<std::string> known;
  std::vector<std::string> started_here;
  for (const auto& row : rows) {
    known.insert(row.id);
    const auto seen = std::ranges::find(observed, row.id, &ObservedInstance::id);
    const auto what = seen == observed.end() ? std::nullopt : std::optional(*seen);
    const bool runs = what && what->state == RunState::running;
    if (row.state == state::terminated) {
      if (ports_.clock.now() - from_ms(row.changed_ms) > options_.terminated_kept_for) {
        const TransactionBody forget = [&](Transaction& tx) -> Async<void> {
          tx.remove(instance_key(row.account_id, row.region, row.id));
          tx.remove(instance_index_key(row.id));
          tx.remove(console_key(row.id));
          if (!row.client_token.empty()) tx.remove(client_token_key(row.account_id, row.region, row.client_token));
          co_return ok;
        };
        TRY_DO(sync_wait(transact(ports_.store, forget)));
      }
      if (!what) continue;
    } else {
      std::lock_guard lock(mutex_);
      const bool settled =
          (row.state == state::running && runs && !row.reboot_wanted && open_doors_.contains(row.id)) ||
          (row.state == state::stopped && !runs);
      if (settled) continue;
    }
    {
      std::lock_guard lock(mutex_);
      // What we read of it may be from before a worker changed it: a machine that has already ended again would be
      // taken for one that never started.
      if (finished_.contains(row.id)) {
        is_outdated = true;
        continue;
      }
      if (!busy_.insert(row.id).second) continue;
    }
    workers_.post([this, row, what] {
      if (row.state == state::terminated || row.state == state::stopped)
        (void)sync_wait(row.state == state::stopped ? ports_.runtime.stop(row.id, options_.stop_grace)
                                                    : ports_.runtime.remove(row.id));
      else
        perform(row, what);
      std::lock_guard lock(mutex_);
      busy_.erase(row.id);
      finished_.insert(row.id);
      idle_.notify_all();
    });
  }
  // What no row names is nobody's: the remains of a wiped store.
  for (const auto& seen : observed)
    if (!known.contains(seen.id)) {
      {
        std::lock_guard lock(mutex_);
        if (busy_.contains(seen.id)) continue;
      }
      close_front_door(seen.id);
      if (const auto removed = sync_wait(ports_.runtime.remove(seen.id)); !removed)
        log_failure("remove", seen.id, removed.error());
    }
  apply_firewalls(rows);
  if (is_outdated) wake();
  return ok;
}

// Tells the runtime where the rules of a running instance are not what it was last told.
void Ec2Service::apply_firewalls(const std::vector<InstanceRow>& rows) {
  std::map<std::string, std::vector<SecurityGroupRow>> groups_by_place;
  for (const auto& row : rows) {
    if (row.state != state::running) continue;
    const std::string place = row.account_id + "/" + row.region;
    if (!groups_by_place.contains(place)) {
      auto groups = sync_wait(groups_of(row.account_id, row.region));
      if (!groups) continue;
      groups_by_place[place] = *std::move(groups);
    }
    Firewall firewall = compile_firewall(row, groups_by_place[place], rows);
    std::string text = text_of(firewall);
    {
      std::lock_guard lock(mutex_);
      if (applied_firewalls_[row.id] == text || busy_.contains(row.id)) continue;
    }
    const auto applied =
        sync_wait(ports_.runtime.set_firewall(row.id, std::move(firewall.ingress), std::move(firewall.egress)));
    if (!applied) {
      log_failure("set the firewall", row.id, applied.error());
      continue;
    }
    std::lock_guard lock(mutex_);
    applied_firewalls_[row.id] = std::move(text);
  }
}

}  // namespace hearth::ec2
