// Temporary credentials without rows: everything a session is stands in its token, sealed with the server's key. So
// issuing one writes nothing, and a restart forgets none. Deleting the role ends its sessions, because the role is
// looked up on use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/iam/rows.h"
#include "services/iam/secret_box.h"

namespace hearth::iam {

struct SessionClaims {
  std::string access_key_id;
  std::string secret_access_key;
  std::string account_id;
  std::string kind;          // "role", "user" or "root"
  std::string name;          // of the role or user
  std::string principal_id;  // AROA… or AIDA… when the session began
  std::string session_name;
  std::string session_policy;
  std::vector<std::string> session_policy_arns;
  Tags tags;
  std::vector<std::string> transitive_tag_keys;
  std::string source_identity;
  std::int64_t issued_ms = 0;
  std::int64_t expires_ms = 0;
};

std::string seal_session(const SessionClaims& claims, const SecretBox& secrets, IdSource& ids);
// Nothing if it is not a token of ours. Does not look at the clock.
std::optional<SessionClaims> open_session(std::string_view token, const SecretBox& secrets);

}  // namespace hearth::iam
