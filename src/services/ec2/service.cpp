#include "services/ec2/service.h"

#include "base/log.h"

namespace hearth::ec2 {

Ec2Service::Ec2Service(Ec2Ports ports, Ec2Options options)
    : ports_(ports), options_(std::move(options)), importer_(ports.store, ports.images, ports.objects, ports.clock) {}

Ec2Service::~Ec2Service() {
  stop();
}

void Ec2Service::register_operations(OperationTable& table) {
  register_launch(table);
  register_instances(table);
  register_network_interfaces(table);
  register_states(table);
  register_attributes(table);
  register_types(table);
  register_network(table);
  register_security_groups(table);
  register_key_pairs(table);
  register_images(table);
  register_image_imports(table);
  register_tags(table);
}

void Ec2Service::start() {
  const auto logged = [](const char* what, Result<void> result) {
    if (!result)
      log::error("ec2: background work failed",
                 {{"work", what}, {"error", result.error().message()}, {"detail", result.error().detail()}});
  };
  reconciler_ = std::make_unique<BackgroundLoop>("ec2-reconcile", options_.reconcile_period,
                                                 [this, logged] { logged("reconcile", look()); });
  console_follower_ = std::make_unique<BackgroundLoop>("ec2-console", options_.reconcile_period,
                                                       [this, logged] { logged("consoles", follow_consoles_once()); });
  metrics_reporter_ = std::make_unique<BackgroundLoop>("ec2-metrics", options_.metrics_period,
                                                       [this, logged] { logged("metrics", report_metrics_once()); });
  importer_.start();
  reconciler_->wake();
}

void Ec2Service::stop() {
  importer_.stop();
  for (auto* loop : {&reconciler_, &console_follower_, &metrics_reporter_})
    if (*loop) (*loop)->stop();
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return busy_.empty(); });
}

Async<void> Ec2Service::forget_all() {
  // The rows are gone: what the runtime still has belongs to nobody.
  CO_TRY(const auto observed, co_await ports_.runtime.observe());
  for (const auto& instance : observed) {
    close_front_door(instance.id);
    CO_TRY_DO(co_await ports_.runtime.remove(instance.id));
  }
  CO_TRY(const auto images, co_await ports_.images.list());
  for (const auto& id : images) CO_TRY_DO(co_await ports_.images.remove(id));
  std::lock_guard lock(mutex_);
  role_credentials_.clear();
  metadata_secret_.clear();
  co_return ok;
}

}  // namespace hearth::ec2
