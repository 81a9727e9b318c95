// CredentialDirectory: who is behind an access key.
#include <algorithm>

#include "base/bytes.h"
#include "services/iam/entities.h"
#include "services/iam/names.h"
#include "services/iam/service.h"
#include "services/iam/sessions.h"

namespace hearth::iam {
namespace {

Error unknown_key() {
  return Error(ErrorKind::not_found, "The security token included in the request is invalid.");
}

Principal root_principal(const std::string& account_id) {
  Principal principal;
  principal.kind = PrincipalKind::root;
  principal.account_id = account_id;
  principal.arn = root_arn(account_id);
  principal.user_id = account_id;
  return principal;
}

Principal user_principal(const std::string& account_id, const UserRow& user) {
  Principal principal;
  principal.kind = PrincipalKind::user;
  principal.account_id = account_id;
  principal.arn = arn_of(account_id, user);
  principal.user_id = user.id;
  principal.user_name = user.name;
  principal.session_tags = user.tags;
  return principal;
}

}  // namespace

Async<KeySecret> IamService::find_key(std::string_view access_key_id) {
  const auto root = std::ranges::find(root_keys_, access_key_id, &RootKey::access_key_id);
  if (root != root_keys_.end()) {
    KeySecret secret;
    secret.secret_access_key = root->secret_access_key;
    secret.principal = root_principal(root->account_id);
    secret.principal.access_key_id = root->access_key_id;
    co_return secret;
  }
  if (const auto cached = keys_.find(access_key_id)) co_return *cached;
  if (const auto token = tokens_.find(access_key_id)) co_return co_await find_session_key(access_key_id, *token);

  const auto ticket = keys_.ticket();
  const std::string key = access_key_key(access_key_id);
  CO_TRY(const std::optional<std::string> bytes, co_await store_.get(key));
  if (!bytes) co_return unknown_key();
  CO_TRY(const AccessKeyRow row, decode_row<AccessKeyRow>(*bytes));
  if (!row.is_active) co_return unknown_key();
  Result<UserRow> found_user = co_await find_entity<UserRow>(store_, row.account_id, row.user_name);
  if (!found_user && found_user.error().kind() == ErrorKind::aws) co_return unknown_key();
  CO_TRY(const UserRow user, std::move(found_user));
  const std::optional<std::string> sealed = from_base64(row.sealed_secret);
  const std::optional<std::string> secret_text = sealed ? secrets_.open(*sealed, row.id) : std::nullopt;
  if (!secret_text)
    co_return Error(ErrorKind::corrupt, "internal error",
                    "the secret of access key " + row.id + " does not open: is the key file the one it was made with?");

  auto secret = std::make_shared<KeySecret>();
  secret->secret_access_key = *secret_text;
  secret->principal = user_principal(row.account_id, user);
  secret->principal.access_key_id = row.id;
  keys_.put(row.id, secret, ticket);
  co_return *secret;
}

Async<KeySecret> IamService::find_session_key(std::string_view access_key_id, std::string_view session_token) {
  if (const auto cached = sessions_.find(session_token)) {
    if (cached->principal.access_key_id != access_key_id) co_return unknown_key();
    co_return *cached;
  }
  const auto ticket = sessions_.ticket();
  std::optional<SessionClaims> claims = open_session(session_token, secrets_);
  if (!claims || claims->access_key_id != access_key_id) co_return unknown_key();

  auto secret = std::make_shared<KeySecret>();
  Principal& principal = secret->principal;
  if (claims->kind == "root") {
    principal = root_principal(claims->account_id);
  } else if (claims->kind == "user") {
    Result<UserRow> user = co_await find_entity<UserRow>(store_, claims->account_id, claims->name);
    if (!user || user->id != claims->principal_id) co_return unknown_key();
    principal = user_principal(claims->account_id, *user);
  } else {
    Result<RoleRow> role = co_await find_entity<RoleRow>(store_, claims->account_id, claims->name);
    if (!role || role->id != claims->principal_id) co_return unknown_key();
    principal.kind = PrincipalKind::assumed_role;
    principal.account_id = claims->account_id;
    principal.arn = assumed_role_arn(claims->account_id, claims->name, claims->session_name);
    principal.user_id = role->id + ":" + claims->session_name;
    principal.role_arn = arn_of(claims->account_id, *role);
    principal.session_tags = role->tags;
    // AWS: a session's tag stands over the role's; keys differ without regard to case.
    for (const auto& [key, value] : claims->tags) {
      std::erase_if(principal.session_tags, [&](const auto& tag) { return equal_ignoring_case(tag.first, key); });
      principal.session_tags[key] = value;
    }
    principal.transitive_tag_keys = claims->transitive_tag_keys;
    principal.source_identity = claims->source_identity;
    if (!claims->session_policy.empty()) principal.session_policies.push_back(claims->session_policy);
    for (const std::string& policy_arn : claims->session_policy_arns) {
      Result<std::string> document = co_await managed_policy_document(claims->account_id, policy_arn);
      // A limit that was deleted must not become no limit.
      constexpr std::string_view nothing = R"({"Version":"2012-10-17","Statement":[]})";
      principal.session_policies.push_back(document ? *std::move(document) : std::string(nothing));
    }
  }
  secret->secret_access_key = claims->secret_access_key;
  secret->session_token = session_token;
  secret->expires_at = from_ms(claims->expires_ms);
  principal.access_key_id = claims->access_key_id;
  principal.token_issued_at = from_ms(claims->issued_ms);
  sessions_.put(std::string(session_token), secret, ticket);
  co_return *secret;
}

Async<std::string> IamService::find_account_of_key(std::string_view access_key_id) {
  Result<KeySecret> secret = co_await find_key(access_key_id);
  if (!secret) co_return unknown_key();
  co_return secret->principal.account_id;
}

}  // namespace hearth::iam
