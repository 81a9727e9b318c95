#include "server/instance_front_door.h"

namespace hearth::server {

void HttpInstanceFrontDoor::serve_with(http::Server& server, InstanceHandler metadata, InstanceHandler api) {
  server_ = &server;
  metadata_ = std::move(metadata);
  api_ = std::move(api);
}

Async<void> HttpInstanceFrontDoor::listen(const std::string& instance_id, std::string_view address, int port,
                                          const InstanceHandler& handler) {
  const std::string where(address);
  CO_TRY(const int listener, co_await runtime_.open_listener(instance_id, where, port));
  server_->adopt(
      listener, [id = instance_id, &handler](http::Request& request) { return handler(id, request); }, instance_id);
  co_return ok;
}

Async<void> HttpInstanceFrontDoor::open(const std::string& instance_id) {
  {
    std::lock_guard lock(mutex_);
    if (!server_) co_return Error(ErrorKind::unavailable, "the server does not serve yet");
    if (!open_.insert(instance_id).second) co_return ok;
  }
  auto opened = co_await listen(instance_id, instance_metadata_address, instance_metadata_port, metadata_);
  if (opened) opened = co_await listen(instance_id, instance_api_address, instance_api_port, api_);
  if (!opened) {
    close(instance_id);
    co_return opened.error();
  }
  co_return ok;
}

void HttpInstanceFrontDoor::close(const std::string& instance_id) {
  std::lock_guard lock(mutex_);
  if (open_.erase(instance_id) > 0) server_->release(instance_id);
}

}  // namespace hearth::server
