// Launching machines for our own services (SageMaker endpoints). Implemented by services/ec2.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/async.h"

namespace hearth {

struct LaunchRequest {
  std::string account_id;
  std::string region;
  std::string instance_type;      // "g5.xlarge"
  std::string role_arn;           // credentials through instance metadata; the caller checked PassRole and trust
  std::string service_principal;  // who assumes it: "sagemaker.amazonaws.com"
  std::string user_data;          // a script
  std::map<std::string, std::string> tags;
  std::string client_token;  // the same token gives the same instance
};

struct LaunchedInstance {
  std::string id;
  std::string state;            // EC2 state name: pending, running, stopping, stopped, shutting-down, terminated
  std::string private_address;  // reachable from the host
  std::string state_reason;
};

class InstanceLauncher {
 public:
  virtual ~InstanceLauncher() = default;
  virtual Async<LaunchedInstance> launch(LaunchRequest request) = 0;
  virtual Async<LaunchedInstance> describe(std::string_view account_id, std::string_view instance_id) = 0;
  virtual Async<void> terminate(std::string_view account_id, std::string_view instance_id) = 0;
};

}  // namespace hearth
