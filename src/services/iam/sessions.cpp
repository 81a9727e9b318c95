#include "services/iam/sessions.h"

#include <algorithm>
#include <boost/describe.hpp>

#include "base/bytes.h"
#include "base/row.h"
#include "services/iam/entities.h"
#include "services/iam/names.h"
#include "services/iam/service.h"

namespace hearth::iam {

BOOST_DESCRIBE_STRUCT(SessionClaims, (),
                      (access_key_id, secret_access_key, account_id, kind, name, principal_id, session_name,
                       session_policy, session_policy_arns, tags, transitive_tag_keys, source_identity, issued_ms,
                       expires_ms))

namespace {

constexpr std::string_view token_purpose = "session token";
constexpr std::size_t token_size_max = 6000;  // travels in a header
constexpr std::size_t session_policy_size_max = 2048;
constexpr std::size_t session_policy_arn_count_max = 10;
constexpr std::size_t session_tag_count_max = 50;
constexpr std::size_t access_key_id_length = 20;
constexpr std::size_t secret_length = 40;

Error access_denied(const std::string& message) {
  return errors::access_denied(message);
}

}  // namespace

std::string seal_session(const SessionClaims& claims, const SecretBox& secrets, IdSource& ids) {
  return to_base64(secrets.seal(row::encode(claims), token_purpose, ids));
}

std::optional<SessionClaims> open_session(std::string_view token, const SecretBox& secrets) {
  const std::optional<std::string> sealed = from_base64(token);
  if (!sealed) return std::nullopt;
  const std::optional<std::string> plain = secrets.open(*sealed, token_purpose);
  if (!plain) return std::nullopt;
  Result<SessionClaims> claims = row::decode<SessionClaims>(*plain);
  if (!claims) return std::nullopt;
  return *std::move(claims);
}

Async<RoleSession> IamService::start_role_session(const Principal& caller, RoleSessionRequest request) {
  // AWS: "Roles may not be assumed by root accounts."
  if (caller.kind == PrincipalKind::root) co_return access_denied("Roles may not be assumed by root accounts.");
  if (caller.kind == PrincipalKind::assumed_role) {
    constexpr std::chrono::seconds chained_max{3600};
    if (request.duration > chained_max)
      co_return errors::validation_error(
          "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining");
    // Tags said to be transitive live on, whatever the next role is.
    for (const std::string& key : caller.transitive_tag_keys) {
      const auto has_key = [&](const auto& tag) { return equal_ignoring_case(tag.first, key); };
      const auto tag = std::ranges::find_if(caller.session_tags, has_key);
      if (tag == caller.session_tags.end()) continue;
      if (std::ranges::any_of(request.tags, has_key))
        co_return errors::validation_error(
            "One of the specified tag keys can't be set because it conflicts with a transitive "
            "tag key from the calling session.");
      request.tags[tag->first] = tag->second;
      request.transitive_tag_keys.push_back(tag->first);
    }
    // AWS: who began the chain stays who began it.
    if (!caller.source_identity.empty()) {
      if (!request.source_identity.empty() && request.source_identity != caller.source_identity)
        co_return access_denied("The source identity of a session cannot be changed when it assumes another role.");
      request.source_identity = caller.source_identity;
    }
  }
  co_return co_await issue_role_session(std::move(request), &caller);
}

Async<RoleSession> IamService::issue_role_session(RoleSessionRequest request, const Principal* caller) {
  const EntityName role = parse_entity_arn(request.role_arn);
  if (role.type != "role") co_return errors::validation_error(request.role_arn + " is invalid");
  CO_TRY(const RoleRow row, co_await find_entity<RoleRow>(store_, role.account_id, role.name));
  if (arn_of(role.account_id, row) != request.role_arn) co_return no_such<RoleRow>(role.name);
  if (caller && request.duration.count() > row.session_seconds_max)
    co_return errors::validation_error(
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  if (request.tags.size() > session_tag_count_max) co_return errors::validation_error("A session has at most 50 tags.");
  if (!request.session_policy.empty()) {
    if (request.session_policy.size() > session_policy_size_max)
      co_return Error::aws("PackedPolicyTooLarge", 400, "A session policy has at most 2048 characters.");
    if (const Result<PolicyPtr> policy = parsed(request.session_policy, policy::DocumentKind::identity); !policy)
      co_return errors::malformed_policy_document(policy.error().message());
  }
  if (request.session_policy_arns.size() > session_policy_arn_count_max)
    co_return errors::validation_error("A session has at most 10 managed session policies.");
  for (const std::string& policy_arn : request.session_policy_arns)
    if (Result<std::string> document = co_await managed_policy_document(role.account_id, policy_arn); !document)
      co_return errors::malformed_policy_document("The session policy " + policy_arn + " does not exist.");

  SessionClaims claims;
  claims.access_key_id = ids_.upper_alnum("ASIA", access_key_id_length);
  claims.secret_access_key = ids_.secret(secret_length);
  claims.account_id = role.account_id;
  claims.kind = "role";
  claims.name = row.name;
  claims.principal_id = row.id;
  claims.session_name = request.session_name;
  claims.session_policy = std::move(request.session_policy);
  claims.session_policy_arns = std::move(request.session_policy_arns);
  claims.tags = std::move(request.tags);
  claims.transitive_tag_keys = std::move(request.transitive_tag_keys);
  claims.source_identity = request.source_identity;
  claims.issued_ms = now_ms();
  claims.expires_ms = to_ms(clock_.now() + request.duration);

  RoleSession session;
  session.credentials.access_key_id = claims.access_key_id;
  session.credentials.secret_access_key = claims.secret_access_key;
  session.credentials.session_token = seal_session(claims, secrets_, ids_);
  session.credentials.expires_at = from_ms(claims.expires_ms);
  session.assumed_role_arn = assumed_role_arn(role.account_id, row.name, claims.session_name);
  session.assumed_role_id = row.id + ":" + claims.session_name;
  session.source_identity = claims.source_identity;
  const std::size_t token_size = session.credentials.session_token.size();
  if (token_size > token_size_max)
    co_return Error::aws("PackedPolicyTooLarge", 400, "The session policies and tags are too large together.");
  session.packed_policy_size_percent = static_cast<int>(token_size * 100 / token_size_max);
  tokens_.put(claims.access_key_id, std::make_shared<std::string>(session.credentials.session_token), tokens_.ticket());
  co_return session;
}

Async<Credentials> IamService::start_user_session(const Principal& caller, std::chrono::seconds duration) {
  if (caller.kind != PrincipalKind::user && caller.kind != PrincipalKind::root)
    co_return access_denied("Cannot call GetSessionToken with session credentials");
  SessionClaims claims;
  claims.access_key_id = ids_.upper_alnum("ASIA", access_key_id_length);
  claims.secret_access_key = ids_.secret(secret_length);
  claims.account_id = caller.account_id;
  claims.kind = caller.kind == PrincipalKind::root ? "root" : "user";
  claims.name = caller.user_name;
  claims.principal_id = caller.user_id;
  claims.issued_ms = now_ms();
  claims.expires_ms = to_ms(clock_.now() + duration);
  Credentials credentials{claims.access_key_id, claims.secret_access_key, seal_session(claims, secrets_, ids_),
                          from_ms(claims.expires_ms)};
  tokens_.put(claims.access_key_id, std::make_shared<std::string>(credentials.session_token), tokens_.ticket());
  co_return credentials;
}

Async<Credentials> IamService::assume_role_for_service(std::string_view role_arn, std::string_view service_principal,
                                                       std::string_view session_name, std::chrono::seconds duration) {
  Principal service;
  service.kind = PrincipalKind::service;
  service.arn = service_principal;
  const Access access{.action = "sts:AssumeRole", .resource = std::string(role_arn), .context = {}};
  const ConditionContext no_context;
  CO_TRY(const Decision decision, co_await decide(service, access, no_context));
  if (!decision.allowed)
    co_return Error(ErrorKind::denied, std::string(service_principal) + " may not assume the role " +
                                           std::string(role_arn) + " " + decision.reason);
  RoleSessionRequest request;
  request.role_arn = role_arn;
  request.session_name = session_name;
  request.duration = duration;
  CO_TRY(RoleSession session, co_await issue_role_session(std::move(request), nullptr));
  co_return std::move(session.credentials);
}

}  // namespace hearth::iam
