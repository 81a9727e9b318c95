#include "server/instance_front_door.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hearth::server {

void HttpInstanceFrontDoor::serve_with(http::Server& server, InstanceHandler metadata, InstanceHandler api) {
  server_ = &server;
  metadata_ = std::move(metadata);
  api_ = std::move(api);
}

Async<void> HttpInstanceFrontDoor::listen(const std::string& instance_id, std::uint64_t opening,
                                          std::string_view address, int port, int hop_limit,
                                          const InstanceHandler& handler) {
  const std::string where(address);
  CO_TRY(const int listener, co_await runtime_.open_listener(instance_id, where, port));
  // Connections take it over from the socket that accepts them.
  if (hop_limit > 0 && ::setsockopt(listener, IPPROTO_IP, IP_TTL, &hop_limit, sizeof hop_limit) != 0) {
    ::close(listener);
    co_return Error(ErrorKind::unavailable, "cannot limit how far instance metadata goes", std::strerror(errno));
  }
  std::lock_guard lock(mutex_);
  // Closed while we waited: a socket adopted now would never be released, and would keep the namespace alive.
  const auto door = open_.find(instance_id);
  if (door == open_.end() || door->second != opening) {
    ::close(listener);
    co_return Error(ErrorKind::cancelled, "the instance stopped before it could be served");
  }
  co_return server_->adopt(
      listener, [id = instance_id, &handler](http::Request& request) { return handler(id, request); }, instance_id);
}

Async<void> HttpInstanceFrontDoor::open(const std::string& instance_id, int metadata_hop_limit) {
  std::uint64_t opening = 0;
  {
    std::lock_guard lock(mutex_);
    if (!server_) co_return Error(ErrorKind::unavailable, "the server does not serve yet");
    if (open_.contains(instance_id)) co_return ok;
    opening = open_[instance_id] = ++last_opening_;
  }
  auto opened = co_await listen(instance_id, opening, instance_metadata_address, instance_metadata_port,
                                metadata_hop_limit, metadata_);
  if (opened) opened = co_await listen(instance_id, opening, instance_api_address, instance_api_port, 0, api_);
  if (!opened) close_if(instance_id, opening);
  co_return opened;
}

// A door that somebody closed and opened again meanwhile is theirs.
void HttpInstanceFrontDoor::close_if(const std::string& instance_id, std::uint64_t opening) {
  std::lock_guard lock(mutex_);
  const auto door = open_.find(instance_id);
  if (door == open_.end() || door->second != opening) return;
  open_.erase(door);
  server_->release(instance_id);
}

void HttpInstanceFrontDoor::close(const std::string& instance_id) {
  std::lock_guard lock(mutex_);
  if (open_.erase(instance_id) > 0) server_->release(instance_id);
}

}  // namespace hearth::server
