#include "services/iam/trust.h"

#include <optional>

#include "ports/arn.h"
#include "services/iam/entities.h"
#include "services/iam/names.h"

namespace hearth::iam {
namespace {

// Of the user, role or session that has the very ARN; empty if nobody has.
template <class Reader>
Async<std::string> find_unique_id(Reader& reader, const std::string& arn) {
  const EntityName entity = parse_entity_arn(arn);
  if (entity.type == UserRow::kind) {
    CO_TRY(const std::optional<UserRow> user, co_await find_if_there<UserRow>(reader, entity.account_id, entity.name));
    co_return user&& arn_of(entity.account_id, *user) == arn ? user->id : std::string();
  }
  if (entity.type == RoleRow::kind) {
    CO_TRY(const std::optional<RoleRow> role, co_await find_if_there<RoleRow>(reader, entity.account_id, entity.name));
    co_return role&& arn_of(entity.account_id, *role) == arn ? role->id : std::string();
  }
  if (entity.type == "assumed-role") {
    CO_TRY(const std::optional<RoleRow> role, co_await find_if_there<RoleRow>(reader, entity.account_id, entity.name));
    const bool is_there = role && assumed_role_arn(entity.account_id, role->name, entity.session) == arn;
    co_return is_there ? role->id + ":" + entity.session : std::string();
  }
  co_return std::string();
}

// What to write for a principal: its ARN of today, or else its unique id.
template <class Reader>
Async<std::string> find_shown_name(Reader& reader, const std::string& arn, const std::string& unique_id) {
  CO_TRY(const std::string id_there, co_await find_unique_id(reader, arn));
  if (id_there == unique_id) co_return arn;
  const std::string account_id = parse_entity_arn(arn).account_id;
  const std::string key = renamed_key(account_id, unique_id);
  CO_TRY(const std::optional<std::string> new_name, co_await reader.get(key));
  if (!new_name) co_return unique_id;
  CO_TRY(const std::optional<UserRow> user, co_await find_if_there<UserRow>(reader, account_id, *new_name));
  co_return user && user->id == unique_id ? arn_of(account_id, *user) : unique_id;
}

}  // namespace

Async<policy::PrincipalNames> find_trusted_ids(Transaction& tx, std::string_view document,
                                               const std::set<std::string>& our_accounts) {
  CO_TRY(const policy::Policy policy, policy::parse_policy(document, policy::DocumentKind::trust));
  policy::PrincipalNames ids;
  for (const std::string& text : policy::principal_arns(policy)) {
    const std::optional<Arn> arn = parse_arn(text);
    if (!arn || !our_accounts.contains(std::string(arn->account_id))) continue;
    // Sessions of GetFederationToken, which is not served: nobody is one.
    if (arn->service == "sts" && arn->resource.starts_with("federated-user/")) continue;
    CO_TRY(std::string id, co_await find_unique_id(tx, text));
    if (id.empty())
      co_return errors::malformed_policy_document("Invalid principal in policy: \"AWS\":\"" + text + "\"");
    ids[text] = std::move(id);
  }
  co_return ids;
}

template <class Reader>
Async<std::string> shown_trust_policy(Reader& reader, const RoleRow& role) {
  policy::PrincipalNames names;
  for (const auto& [arn, unique_id] : role.trusted_ids) {
    CO_TRY(std::string name, co_await find_shown_name(reader, arn, unique_id));
    if (name != arn) names[arn] = std::move(name);
  }
  co_return names.empty() ? role.trust_policy : policy::rewrite_principals(role.trust_policy, names);
}

template Async<std::string> shown_trust_policy(Transaction&, const RoleRow&);
template Async<std::string> shown_trust_policy(MetadataStore&, const RoleRow&);

}  // namespace hearth::iam
