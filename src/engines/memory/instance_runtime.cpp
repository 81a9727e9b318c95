#include "engines/memory/instance_runtime.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hearth {
namespace {

Error no_such_instance() {
  return Error(ErrorKind::not_found, "no such instance");
}

}  // namespace

HostCapacity MemoryInstanceRuntime::capacity() const {
  std::lock_guard lock(mutex_);
  return capacity_;
}

std::vector<std::string> MemoryInstanceRuntime::missing_requirements() const {
  std::lock_guard lock(mutex_);
  return missing_requirements_;
}

Async<void> MemoryInstanceRuntime::start(const InstanceSpec& spec) {
  {
    std::lock_guard lock(mutex_);
    if (next_start_error_) {
      Error error = std::move(*next_start_error_);
      next_start_error_.reset();
      co_return error;
    }
    Instance& instance = instances_[spec.id];
    if (instance.observed.state == RunState::running) co_return ok;
    ++start_count_;
    instance.spec = spec;
    instance.observed = {.id = spec.id, .state = RunState::running, .started_at = clock_.now()};
    instance.usage = {.memory_limit_bytes = spec.memory_bytes};
  }
  if (spec.before_boot) CO_TRY_DO(spec.before_boot());
  co_return ok;
}

Async<void> MemoryInstanceRuntime::stop(const std::string& id, std::chrono::milliseconds) {
  std::lock_guard lock(mutex_);
  const auto found = instances_.find(id);
  if (found == instances_.end()) co_return no_such_instance();
  ObservedInstance& observed = found->second.observed;
  if (observed.state != RunState::running) co_return ok;
  observed.state = RunState::exited;
  observed.exit_code = 0;
  co_return ok;
}

Async<void> MemoryInstanceRuntime::remove(const std::string& id) {
  std::lock_guard lock(mutex_);
  instances_.erase(id);
  co_return ok;
}

Async<void> MemoryInstanceRuntime::set_firewall(const std::string& id, std::vector<FirewallRule> ingress,
                                                std::vector<FirewallRule> egress) {
  std::lock_guard lock(mutex_);
  const auto found = instances_.find(id);
  if (found == instances_.end()) co_return no_such_instance();
  found->second.spec.ingress = std::move(ingress);
  found->second.spec.egress = std::move(egress);
  co_return ok;
}

Async<std::vector<ObservedInstance>> MemoryInstanceRuntime::observe() {
  std::function<void()> happens;
  {
    std::lock_guard lock(mutex_);
    happens = std::exchange(during_next_observe_, nullptr);
  }
  if (happens) happens();
  std::lock_guard lock(mutex_);
  std::vector<ObservedInstance> all;
  for (const auto& [id, instance] : instances_) all.push_back(instance.observed);
  co_return all;
}

Async<InstanceUsage> MemoryInstanceRuntime::usage(const std::string& id) {
  std::lock_guard lock(mutex_);
  const auto found = instances_.find(id);
  if (found == instances_.end()) co_return no_such_instance();
  co_return found->second.usage;
}

Async<std::string> MemoryInstanceRuntime::console(const std::string& id, std::uint64_t offset,
                                                  std::size_t limit_bytes) {
  std::lock_guard lock(mutex_);
  const auto found = instances_.find(id);
  if (found == instances_.end()) co_return no_such_instance();
  const std::string& text = found->second.console;
  co_return offset < text.size() ? text.substr(offset, limit_bytes) : std::string();
}

Async<int> MemoryInstanceRuntime::open_listener(const std::string& id, const std::string&, int) {
  {
    std::lock_guard lock(mutex_);
    if (!instances_.contains(id)) co_return no_such_instance();
  }
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) co_return Error(ErrorKind::unavailable, "no socket for a listener");
  sockaddr_in loopback{};
  loopback.sin_family = AF_INET;
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool listening = ::bind(listener, reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback) == 0 &&
                         ::listen(listener, SOMAXCONN) == 0;
  if (!listening) {
    ::close(listener);
    co_return Error(ErrorKind::unavailable, "cannot listen on the loopback address");
  }
  co_return listener;
}

void MemoryInstanceRuntime::set_capacity(HostCapacity capacity) {
  std::lock_guard lock(mutex_);
  capacity_ = std::move(capacity);
}

void MemoryInstanceRuntime::set_missing_requirements(std::vector<std::string> sentences) {
  std::lock_guard lock(mutex_);
  missing_requirements_ = std::move(sentences);
}

void MemoryInstanceRuntime::fail_next_start(Error error) {
  std::lock_guard lock(mutex_);
  next_start_error_ = std::move(error);
}

void MemoryInstanceRuntime::during_next_observe(std::function<void()> happens) {
  std::lock_guard lock(mutex_);
  during_next_observe_ = std::move(happens);
}

void MemoryInstanceRuntime::finish(const std::string& id, int exit_code, std::string detail) {
  std::lock_guard lock(mutex_);
  ObservedInstance& observed = instances_.at(id).observed;
  observed.state = RunState::exited;
  observed.exit_code = exit_code;
  observed.detail = std::move(detail);
}

void MemoryInstanceRuntime::set_usage(const std::string& id, InstanceUsage usage) {
  std::lock_guard lock(mutex_);
  instances_.at(id).usage = usage;
}

void MemoryInstanceRuntime::append_console(const std::string& id, std::string_view text) {
  std::lock_guard lock(mutex_);
  instances_.at(id).console += text;
}

std::optional<InstanceSpec> MemoryInstanceRuntime::spec(const std::string& id) const {
  std::lock_guard lock(mutex_);
  const auto found = instances_.find(id);
  return found == instances_.end() ? std::nullopt : std::optional(found->second.spec);
}

std::vector<std::string> MemoryInstanceRuntime::running_ids() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, instance] : instances_)
    if (instance.observed.state == RunState::running) ids.push_back(id);
  return ids;
}

int MemoryInstanceRuntime::start_count() const {
  std::lock_guard lock(mutex_);
  return start_count_;
}

}  // namespace hearth
