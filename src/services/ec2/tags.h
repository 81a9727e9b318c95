// Tags of EC2's resources: their limits and their form on the wire.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
#pragma once

#include <string_view>
#include <vector>

#include "api/ec2/types.h"
#include "base/result.h"
#include "services/ec2/rows.h"

namespace hearth::ec2 {

inline constexpr std::size_t tag_count_max = 50;

// Adds what is given, replacing values of keys that are there. TagLimitExceeded, InvalidParameterValue.
Result<void> add_tags(Tags& tags, const std::vector<api::ec2::Tag>& added);

// The tags for one kind of resource ("instance", "volume") out of a call's TagSpecifications.
Result<Tags> tags_for(const wire::Opt<std::vector<api::ec2::TagSpecification>>& specifications,
                      std::string_view resource_type);

// Refuses specifications for kinds the call does not make.
Result<void> check_tag_specifications(const wire::Opt<std::vector<api::ec2::TagSpecification>>& specifications,
                                      const std::vector<std::string_view>& resource_types);

std::vector<api::ec2::Tag> tags_view(const Tags& tags);

}  // namespace hearth::ec2
