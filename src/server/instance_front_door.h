// The sockets inside instances: instance metadata and our own API, both served by the one HTTP server. Who asks is
// known by the socket, not by an address. Safe from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

#include "http/server.h"
#include "ports/instance_front_door.h"
#include "ports/instance_runtime.h"

namespace hearth::server {

class HttpInstanceFrontDoor final : public InstanceFrontDoor {
 public:
  // What answers a request that came from an instance.
  using InstanceHandler = std::function<Async<http::Response>(const std::string& instance_id, http::Request& request)>;

  explicit HttpInstanceFrontDoor(InstanceRuntime& runtime) : runtime_(runtime) {}

  // Before the first open(). `server` outlives every open door.
  void serve_with(http::Server& server, InstanceHandler metadata, InstanceHandler api);

  Async<void> open(const std::string& instance_id, int metadata_hop_limit) override;
  void close(const std::string& instance_id) override;

 private:
  // `opening` is the number of the open() that this belongs to. `hop_limit` 0: as far as packets go.
  Async<void> listen(const std::string& instance_id, std::uint64_t opening, std::string_view address, int port,
                     int hop_limit, const InstanceHandler& handler);
  void close_if(const std::string& instance_id, std::uint64_t opening);

  InstanceRuntime& runtime_;
  http::Server* server_ = nullptr;
  InstanceHandler metadata_, api_;
  std::mutex mutex_;
  std::uint64_t last_opening_ = 0;
  std::map<std::string, std::uint64_t> open_;  // which open() each door is from
};

}  // namespace hearth::server
