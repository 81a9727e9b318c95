// Policy documents as IAM takes them: parsed, and within AWS's sizes. MalformedPolicyDocument or LimitExceeded
// otherwise. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "services/iam/rows.h"

namespace hearth::iam {

Result<void> check_trust_policy(std::string_view document);
Result<void> check_managed_policy(std::string_view document);
Result<void> check_identity_policy(std::string_view document);
// AWS: the limit is on all inline policies of an entity together, white space not counted.
Result<void> check_inline_size(const UserRow& user);
Result<void> check_inline_size(const GroupRow& group);
Result<void> check_inline_size(const RoleRow& role);

}  // namespace hearth::iam
