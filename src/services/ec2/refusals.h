// Errors that several operations answer with, in AWS's words.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
#pragma once

#include <string>

#include "api/ec2/errors.h"

namespace hearth::ec2 {

// What AWS has and this installation does not do is refused, not ignored.
inline Error not_served(const std::string& parameter) {
  return api::ec2::errors::unsupported("The parameter " + parameter + " is not supported by this installation.");
}

inline Error no_such_image(const std::string& id) {
  return api::ec2::errors::invalid_amiid_not_found("The image id '[" + id + "]' does not exist");
}
inline Error no_such_instance(const std::string& id) {
  return api::ec2::errors::invalid_instance_id_not_found("The instance ID '" + id + "' does not exist");
}
inline Error no_such_key_pair(const std::string& id_or_name) {
  return api::ec2::errors::invalid_key_pair_not_found("The key pair '" + id_or_name + "' does not exist");
}
inline Error no_such_network_interface(const std::string& id) {
  return api::ec2::errors::invalid_network_interface_id_not_found("The networkInterface ID '" + id +
                                                                  "' does not exist");
}
inline Error no_such_security_group(const std::string& id_or_name) {
  return api::ec2::errors::invalid_group_not_found("The security group '" + id_or_name + "' does not exist");
}
inline Error no_such_subnet(const std::string& id) {
  return api::ec2::errors::invalid_subnet_id_not_found("The subnet ID '" + id + "' does not exist");
}
inline Error no_such_volume(const std::string& id) {
  return api::ec2::errors::invalid_volume_not_found("The volume '" + id + "' does not exist.");
}
inline Error no_such_vpc(const std::string& id) {
  return api::ec2::errors::invalid_vpc_id_not_found("The vpc ID '" + id + "' does not exist");
}

}  // namespace hearth::ec2
