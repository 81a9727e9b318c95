// How IAM names things: ARNs, ids, documents on the wire.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "services/iam/rows.h"

namespace hearth::iam {

// arn:aws:iam::ACCOUNT:TYPE/PATH/NAME; `path` starts and ends with '/'.
std::string entity_arn(std::string_view account_id, std::string_view type, std::string_view path,
                       std::string_view name);
std::string root_arn(std::string_view account_id);
std::string assumed_role_arn(std::string_view account_id, std::string_view role_name, std::string_view session_name);

template <class Row>
std::string arn_of(std::string_view account_id, const Row& row) {
  return entity_arn(account_id, Row::kind, row.path, row.name);
}
// AWS: the resource type of instance profiles is not called as the row is.
inline std::string arn_of(std::string_view account_id, const ProfileRow& row) {
  return entity_arn(account_id, "instance-profile", row.path, row.name);
}

// What an ARN names. Empty parts if it does not look like arn:aws:iam::ACCOUNT:TYPE/…NAME.
struct EntityName {
  std::string account_id;  // "aws" for AWS's own policies
  std::string type;        // user, group, role, policy, instance-profile; "assumed-role" for sts
  std::string path;        // "/", "/team/"
  std::string name;        // for assumed-role: ROLE, and `session` is the rest
  std::string session;
};
EntityName parse_entity_arn(std::string_view arn);

std::string new_id(IdSource& ids, std::string_view prefix);  // AIDA… and its kin: 21 characters

// AWS: documents travel percent-encoded in answers.
std::string percent_encode_document(std::string_view document);

}  // namespace hearth::iam
