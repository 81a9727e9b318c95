// Who is calling, and how services get credentials for machines. Plain values plus the ports IAM implements for others.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/time.h"

namespace hearth {

enum class PrincipalKind { anonymous, root, user, assumed_role, service };

// The caller of one request, after the signature was verified.
struct Principal {
  PrincipalKind kind = PrincipalKind::anonymous;
  std::string account_id;  // 12 digits
  std::string arn;         // arn:aws:iam::…:user/x, arn:aws:sts::…:assumed-role/ROLE/SESSION, arn:aws:iam::…:root
  std::string user_id;     // AIDA…, AROA…:session, the account id for root
  std::string user_name;   // users only
  std::string role_arn;    // assumed roles only: arn:aws:iam::…:role/…
  std::string access_key_id;
  std::vector<std::string> session_policies;  // JSON documents that came with AssumeRole
  std::map<std::string, std::string> session_tags;
  TimePoint token_issued_at{};
};

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;
  TimePoint expires_at{};
};

// What the signature check needs to know about an access key. Implemented by services/iam.
struct KeySecret {
  std::string secret_access_key;
  std::string session_token;  // empty for long-term keys; must equal x-amz-security-token otherwise
  TimePoint expires_at{};     // zero: never
  Principal principal;
};
class CredentialDirectory {
 public:
  virtual ~CredentialDirectory() = default;
  // not_found for unknown or inactive keys. Fast: called on every request, answers from memory when it can.
  virtual Async<KeySecret> find_key(std::string_view access_key_id) = 0;
};

// Roles for machines, for services that run things. Implemented by services/iam.
struct InstanceProfile {
  std::string arn;
  std::string id;  // AIPA…
  std::string name;
  std::string role_arn;  // empty if no role was added yet
  std::string role_name;
};
class RoleDirectory {
 public:
  virtual ~RoleDirectory() = default;
  // By name or by ARN. not_found if there is none in the account.
  virtual Async<InstanceProfile> find_instance_profile(std::string_view account_id, std::string_view name_or_arn) = 0;
  // Temporary credentials of a role for a service principal ("ec2.amazonaws.com"); denied unless its trust policy lets
  // it.
  virtual Async<Credentials> assume_role_for_service(std::string_view role_arn, std::string_view service_principal,
                                                     std::string_view session_name, std::chrono::seconds duration) = 0;
};

}  // namespace hearth
