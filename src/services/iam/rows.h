// What IAM keeps. Names are unique without regard to case, so keys hold them in lower case.
//   iam ACCOUNT user|group|role|policy|profile NAME -> the row     iam key ACCESS_KEY_ID -> AccessKeyRow
//   iam ACCOUNT member GROUP USER -> ""                            iam key-use ACCESS_KEY_ID -> KeyUseRow
//   iam ACCOUNT renamed USER_ID -> the user's name, once it was renamed or moved
//   iam ACCOUNT attached POLICY_ARN permissions|boundary user|group|role NAME -> ""
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::iam {

using Tags = std::map<std::string, std::string>;

// What a user, a group or a role may do: in one row with it, so that a decision reads one row per entity.
struct Permissions {
  std::map<std::string, std::string> inline_policies;  // name -> document
  std::vector<std::string> attached_policy_arns;
  std::string boundary_arn;
};

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

struct GroupRow {
  static constexpr std::string_view kind = "group";
  std::string name;
  std::string path;
  std::string id;  // AGPA…
  std::int64_t created_ms = 0;
  Permissions permissions;
};

struct RoleRow {
  static constexpr std::string_view kind = "role";
  std::string name;
  std::string path;
  std::string id;  // AROA…
  std::int64_t created_ms = 0;
  Permissions permissions;
  Tags tags;
  std::string trust_policy;  // as it was written
  // What the ARNs in it meant when it was saved: ARN -> unique id, of a session ROLE_ID:SESSION. An ARN that is not
  // here stands for itself: of an account that is none of ours, or saved by a version that kept no ids.
  std::map<std::string, std::string> trusted_ids;
  std::string description;
  std::int32_t session_seconds_max = 3600;
};

struct ProfileRow {
  static constexpr std::string_view kind = "profile";
  std::string name;
  std::string path;
  std::string id;  // AIPA…
  std::int64_t created_ms = 0;
  std::string role;  // empty: none yet
  Tags tags;
};

struct PolicyVersionRow {
  std::string id;  // v1
  std::string document;
  std::int64_t created_ms = 0;
};

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

struct AccessKeyRow {
  std::string account_id;
  std::string user_name;
  std::string id;             // AKIA…
  std::string sealed_secret;  // base64 of SecretBox::seal
  bool is_active = true;
  std::int64_t created_ms = 0;
};

struct KeyUseRow {
  std::int64_t used_ms = 0;
  std::string service;
  std::string region;
};

// To stored bytes and back, for the rows above. Defined in rows.cpp alone: describing them is slow to compile.
template <class Row>
std::string encode_row(const Row& row);
template <class Row>
Result<Row> decode_row(std::string_view bytes);

}  // namespace hearth::iam
