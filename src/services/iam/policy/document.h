// An IAM policy document: parsed strictly, then only read. A Policy never changes and may be shared between threads.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "services/iam/policy/condition.h"
#include "services/iam/policy/pattern.h"

namespace hearth::policy {

// Where a document is used; decides which elements it must and must not have.
enum class DocumentKind : std::uint8_t {
  identity,  // attached to a user, group or role; also boundaries and session policies: no Principal, needs Resource
  resource,  // a bucket's, a topic's: needs Principal
  trust,     // who may assume a role: needs Principal, no Resource
};

struct PrincipalEntry {
  enum class Kind : std::uint8_t { anyone, account, arn, unique_id, service, federated, canonical_user };
  Kind kind = Kind::anyone;
  std::string value;  // account: 12 digits; else as written
};

struct Statement {
  std::string sid;
  int number = 1;  // counted from 1, for people
  bool is_allow = false;

  bool has_principal = false;
  bool is_not_principal = false;
  std::vector<PrincipalEntry> principals;

  bool is_not_action = false;
  std::vector<ActionPattern> actions;

  bool has_resource = false;
  bool is_not_resource = false;
  std::vector<Pattern> resources;

  std::vector<Condition> conditions;
  // In a condition or as a variable: aws:ResourceTag/…, ec2:ResourceTag/…, s3:ExistingObjectTag/….
  bool asks_for_resource_tags = false;

  // "statement NoProd" or "statement 2".
  std::string name() const;
};

struct Policy {
  bool has_variables = false;  // Version 2012-10-17
  std::string id;
  std::vector<Statement> statements;
  bool asks_for_resource_tags = false;  // any statement does

  // Lower-case names of condition keys and variables the policy asks for, sorted, each once.
  std::vector<std::string> context_keys() const;
};

// The longest document anything here reads, in bytes; the services have their own, smaller limits.
inline constexpr std::size_t document_size_max = 131'072;

// ErrorKind::invalid with a sentence for the author of the document.
Result<Policy> parse_policy(std::string_view json, DocumentKind kind);

// AWS principals by another name: ARN as written -> unique id, or what to write in its place.
using PrincipalNames = std::map<std::string, std::string>;
// The ARNs of users, roles and sessions that a policy names as principals, sorted, each once.
std::vector<std::string> principal_arns(const Policy& policy);
// The policy as it is when those ARNs stand for those unique ids (of a session: ROLE_ID:SESSION) and for nobody else.
Policy bind_principals(Policy policy, const PrincipalNames& unique_ids);
// A document that parses, with those AWS principals written so; all else says what it said.
std::string rewrite_principals(std::string_view json, const PrincipalNames& names);

// Characters that count towards AWS's size limits: all but white space.
std::size_t size_without_whitespace(std::string_view json);

}  // namespace hearth::policy
