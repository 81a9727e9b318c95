// How instances look on the wire.
#pragma once

#include "api/ec2/types.h"
#include "services/ec2/filters.h"
#include "services/ec2/instance_types.h"
#include "services/ec2/rows.h"

namespace hearth::ec2 {

inline constexpr const char* root_device = "/dev/xvda";

// pending 0, running 16, shutting-down 32, terminated 48, stopping 64, stopped 80
api::ec2::InstanceState state_view(std::string_view state);
api::ec2::Instance instance_view(const InstanceRow& row);
std::vector<api::ec2::GroupIdentifier> groups_view(const std::vector<GroupRef>& groups);
// Instances of one RunInstances call are one reservation.
std::vector<api::ec2::Reservation> reservations_view(const std::vector<InstanceRow>& rows);

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html, Filter.N
FieldsOf instance_fields(const InstanceRow& row);

// What these machines hold of the host together.
CapacityInUse capacity_in_use(const std::vector<InstanceRow>& rows);

// Whether it has a network interface and a volume.
inline bool is_on_network(const InstanceRow& row) {
  return row.state != state::shutting_down && row.state != state::terminated;
}

// Whether a machine in this state holds its processors, memory and address.
inline bool holds_capacity(const InstanceRow& row) {
  return row.state == state::pending || row.state == state::running || row.state == state::stopping;
}

}  // namespace hearth::ec2
