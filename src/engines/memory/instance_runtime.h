// A fake InstanceRuntime for tests: nothing runs; it records what it was asked and shows what the test arranges.
// Safe from any thread.
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "ports/instance_runtime.h"

namespace hearth {

class MemoryInstanceRuntime final : public InstanceRuntime {
 public:
  explicit MemoryInstanceRuntime(const Clock& clock) : clock_(clock) {}

  HostCapacity capacity() const override;
  std::vector<std::string> missing_requirements() const override;
  Async<void> start(const InstanceSpec& spec) override;
  Async<void> stop(const std::string& id, std::chrono::milliseconds grace) override;
  Async<void> remove(const std::string& id) override;
  Async<void> set_firewall(const std::string& id, std::vector<FirewallRule> ingress,
                           std::vector<FirewallRule> egress) override;
  Async<std::vector<ObservedInstance>> observe() override;
  Async<InstanceUsage> usage(const std::string& id) override;
  Async<std::string> console(const std::string& id, std::uint64_t offset, std::size_t limit_bytes) override;
  // A listener on 127.0.0.1 at a port the kernel chooses: there is no namespace to be inside of.
  Async<int> open_listener(const std::string& id, const std::string& address, int port) override;

  // What tests arrange.
  void set_capacity(HostCapacity capacity);
  void set_missing_requirements(std::vector<std::string> sentences);
  void fail_next_start(Error error);
  // What happens while somebody waits for the next observe(), before it is answered.
  void during_next_observe(std::function<void()> happens);
  // The instance's init ends by itself, as when a user's program finishes or is killed.
  void finish(const std::string& id, int exit_code, std::string detail = {});
  void set_usage(const std::string& id, InstanceUsage usage);
  void append_console(const std::string& id, std::string_view text);

  // What tests look at.
  std::optional<InstanceSpec> spec(const std::string& id) const;
  std::vector<std::string> running_ids() const;
  int start_count() const;

 private:
  struct Instance {
    InstanceSpec spec;
    ObservedInstance observed;
    InstanceUsage usage;
    std::string console;
  };

  const Clock& clock_;
  mutable std::mutex mutex_;
  HostCapacity capacity_{.vcpu_count = 8, .memory_bytes = std::uint64_t{32} << 30};
  std::vector<std::string> missing_requirements_;
  std::optional<Error> next_start_error_;
  std::function<void()> during_next_observe_;
  int start_count_ = 0;
  std::map<std::string, Instance> instances_;
};

}  // namespace hearth
