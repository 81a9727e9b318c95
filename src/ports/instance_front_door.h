// What an instance finds at its link-local addresses: instance metadata at 169.254.169.254 and our own API. Opened by
// services/ec2 whenever an instance runs. Safe from any thread. Implemented in server/.
#pragma once

#include <string>
#include <string_view>

#include "base/async.h"

namespace hearth {

// Inside every instance the API is here (AWS_ENDPOINT_URL), whatever address the server has outside.
inline constexpr std::string_view instance_api_address = "169.254.169.250";
inline constexpr int instance_api_port = 4566;
inline constexpr std::string_view instance_metadata_address = "169.254.169.254";
inline constexpr int instance_metadata_port = 80;

class InstanceFrontDoor {
 public:
  virtual ~InstanceFrontDoor() = default;
  // Listens for the instance. The instance must run. Opening a door that is open succeeds. Packets with instance
  // metadata live for `metadata_hop_limit` hops: they do not reach what the instance only forwards for.
  virtual Async<void> open(const std::string& instance_id, int metadata_hop_limit) = 0;
  // Closes what open() made, and the connections through it. Closing a closed door does nothing. Call when the
  // instance stops: an open listener would keep its network namespace alive.
  virtual void close(const std::string& instance_id) = 0;
};

}  // namespace hearth
