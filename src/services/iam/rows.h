// What IAM keeps. Names are unique without regard to case, so keys hold them in lower case.
//   iam ACCOUNT user|group|role|policy|profile NAME -> the row     iam key ACCESS_KEY_ID -> AccessKeyRow
//   iam ACCOUNT member GROUP USER -> ""                            iam key-use ACCESS_KEY_ID -> KeyUseRow
//   iam ACCOUNT attached POLICY_ARN permissions|boundary user|group|role NAME -> ""
#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::iam {

using Tags = std::map<std::string, std::string>;

// What a user, a group or a role may do: in one row with it, so that a decision reads one row per entity.
struct Permissions {
  std::map<std::string, std::string> inline_policies;  // name -> document
  std::vector<std::string> attached_policy_arns;
  std::string boundary_arn;
};
BOOST_DESCRIBE_STRUCT(Permissions, (), (inline_policies, attached_policy_arns, boundary_arn))

struct UserRow {
  static constexpr std::string_view kind = "user";
  std::string name;
  std::string path;
  std::string id;  // AIDA…
  std::int64_t created_ms = 0;
  Permissions permissions;
  Tags tags;
  std::vector<std::string> groups;
  std::vector<std::string> access_key_ids;
};
BOOST_DESCRIBE_STRUCT(UserRow, (), (name, path, id, created_ms, permissions, tags, groups, access_key_ids))

struct GroupRow {
  static constexpr std::string_view kind = "group";
  std::string name;
  std::string path;
  std::string id;  // AGPA…
  std::int64_t created_ms = 0;
  Permissions permissions;
};
BOOST_DESCRIBE_STRUCT(GroupRow, (), (name, path, id, created_ms, permissions))

struct RoleRow {
  static constexpr std::string_view kind = "role";
  std::string name;
  std::string path;
  std::string id;  // AROA…
  std::int64_t created_ms = 0;
  Permissions permissions;
  Tags tags;
  std::string trust_policy;
  std::string description;
  std::int32_t session_seconds_max = 3600;
};
BOOST_DESCRIBE_STRUCT(RoleRow, (),
                      (name, path, id, created_ms, permissions, tags, trust_policy, description, session_seconds_max))

struct ProfileRow {
  static constexpr std::string_view kind = "profile";
  std::string name;
  std::string path;
  std::string id;  // AIPA…
  std::int64_t created_ms = 0;
  std::string role;  // empty: none yet
  Tags tags;
};
BOOST_DESCRIBE_STRUCT(ProfileRow, (), (name, path, id, created_ms, role, tags))

struct PolicyVersionRow {
  std::string id;  // v1
  std::string document;
  std::int64_t created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(PolicyVersionRow, (), (id, document, created_ms))

struct PolicyRow {
  static constexpr std::string_view kind = "policy";
  std::string name;
  std::string path;
  std::string id;  // ANPA…
  std::int64_t created_ms = 0;
  std::int64_t updated_ms = 0;
  std::string description;
  Tags tags;
  std::vector<PolicyVersionRow> versions;  // oldest first
  std::string default_version_id;
  std::int32_t version_number_last = 0;

  const PolicyVersionRow* find_version(std::string_view version_id) const {
    for (const PolicyVersionRow& version : versions)
      if (version.id == version_id) return &version;
    return nullptr;
  }
};
BOOST_DESCRIBE_STRUCT(PolicyRow, (),
                      (name, path, id, created_ms, updated_ms, description, tags, versions, default_version_id,
                       version_number_last))

struct AccessKeyRow {
  std::string account_id;
  std::string user_name;
  std::string id;             // AKIA…
  std::string sealed_secret;  // base64 of SecretBox::seal
  bool is_active = true;
  std::int64_t created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(AccessKeyRow, (), (account_id, user_name, id, sealed_secret, is_active, created_ms))

struct KeyUseRow {
  std::int64_t used_ms = 0;
  std::string service;
  std::string region;
};
BOOST_DESCRIBE_STRUCT(KeyUseRow, (), (used_ms, service, region))

}  // namespace hearth::iam
