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
  std::vector<std::string> transitive_tag_keys;  // session tags that live on when the session assumes another role
  std::string source_identity;                   // set by the first AssumeRole of a chain, kept by all later ones
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
  // The same for a request that carries x-amz-security-token: call this one whenever a token came with the request. A
  // session lives in its token, not in a row, so only here a temporary key is found after a restart.
  virtual Async<KeySecret> find_session_key(std::string_view access_key_id, std::string_view session_token) {
    (void)session_token;
    return find_key(access_key_id);
  }
};

// Temporary credentials for callers that may have them; whether they may was decided before. Implemented by
// services/iam for services/sts.
struct RoleSessionRequest {
  std::string role_arn;
  std::string session_name;
  std::string session_policy;                    // JSON; empty: none
  std::vector<std::string> session_policy_arns;  // managed policies that limit the session as well
  std::chrono::seconds duration{3600};
  std::map<std::string, std::string> tags;
  std::vector<std::string> transitive_tag_keys;
  std::string source_identity;
};
struct RoleSession {
  Credentials credentials;
  std::string assumed_role_arn;  // arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION
  std::string assumed_role_id;   // AROA…:SESSION
  std::string source_identity;
  int packed_policy_size_percent = 0;
};
class SessionIssuer {
 public:
  virtual ~SessionIssuer() = default;
  // Answers AWS errors (ValidationError, MalformedPolicyDocument, PackedPolicyTooLarge, AccessDenied for root).
  virtual Async<RoleSession> start_role_session(const Principal& caller, RoleSessionRequest request) = 0;
  // The caller's own rights, for a while. For users and root.
  virtual Async<Credentials> start_user_session(const Principal& caller, std::chrono::seconds duration) = 0;
  // The account an access key belongs to; not_found if it is none of ours.
  virtual Async<std::string> find_account_of_key(std::string_view access_key_id) = 0;
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
