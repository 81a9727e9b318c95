// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html and its kin.
// The secret is sealed with the server's key file and shown once, in CreateAccessKey's answer.
#include <algorithm>

#include "services/iam/access.h"
#include "services/iam/change.h"
#include "services/iam/service.h"

namespace hearth {

namespace op = api::iam::op;
template <>
struct AccessRule<op::CreateAccessKey> : iam::OnUser<op::CreateAccessKey> {};
template <>
struct AccessRule<op::ListAccessKeys> : iam::OnUser<op::ListAccessKeys> {};
template <>
struct AccessRule<op::UpdateAccessKey> : iam::OnUser<op::UpdateAccessKey> {};
template <>
struct AccessRule<op::DeleteAccessKey> : iam::OnUser<op::DeleteAccessKey> {};
template <>
struct AccessRule<op::GetAccessKeyLastUsed> : iam::OnAnything<op::GetAccessKeyLastUsed> {};

namespace iam {
namespace {

constexpr std::size_t access_key_count_max = 2;
constexpr std::size_t access_key_id_length = 20;
constexpr std::size_t secret_length = 40;

Error no_such_key(std::string_view access_key_id) {
  return errors::no_such_entity("The Access Key with id " + std::string(access_key_id) + " cannot be found.");
}

// AWS: without a name it is about the caller. Root's own key is the operator's and not managed here.
Result<std::string> user_name_of(const RequestContext& ctx, const wire::Opt<std::string>& user_name) {
  if (user_name) return *user_name;
  if (ctx.caller.kind == PrincipalKind::user) return ctx.caller.user_name;
  return errors::validation_error("Must specify userName when calling with non-User credentials");
}

Async<AccessKeyRow> find_access_key(Transaction& tx, std::string_view account_id, std::string_view user_name,
                                    std::string_view access_key_id) {
  const std::string key = access_key_key(access_key_id);
  CO_TRY(const std::optional<std::string> bytes, co_await tx.get(key));
  if (!bytes) co_return no_such_key(access_key_id);
  CO_TRY(AccessKeyRow row, decode_row<AccessKeyRow>(*bytes));
  if (row.account_id != account_id || row.user_name != user_name) co_return no_such_key(access_key_id);
  co_return row;
}

}  // namespace

void IamService::register_access_keys(OperationTable& table) {
  table.serve<op::CreateAccessKey>(*this, &IamService::create_access_key);
  table.serve<op::ListAccessKeys>(*this, &IamService::list_access_keys);
  table.serve<op::UpdateAccessKey>(*this, &IamService::update_access_key);
  table.serve<op::DeleteAccessKey>(*this, &IamService::delete_access_key);
  table.serve<op::GetAccessKeyLastUsed>(*this, &IamService::get_access_key_last_used);
}

Async<api::iam::CreateAccessKeyResponse> IamService::create_access_key(const RequestContext& ctx,
                                                                       const api::iam::CreateAccessKeyRequest& in) {
  CO_TRY(const std::string user_name, user_name_of(ctx, in.user_name));
  const std::string secret = ids_.secret(secret_length);
  AccessKeyRow access_key;
  access_key.account_id = ctx.account_id;
  access_key.user_name = user_name;
  access_key.id = ids_.upper_alnum("AKIA", access_key_id_length);
  access_key.sealed_secret = to_base64(secrets_.seal(secret, access_key.id, ids_));
  access_key.created_ms = now_ms();
  const auto add_key = [&](Transaction& tx, UserRow& user) -> Result<void> {
    if (user.access_key_ids.size() >= access_key_count_max)
      return errors::limit_exceeded("Cannot exceed quota for AccessKeysPerUser: 2");
    user.access_key_ids.push_back(access_key.id);
    tx.put(access_key_key(access_key.id), encode_row(access_key));
    return ok;
  };
  CO_TRY_DO(co_await change<UserRow>(ctx.account_id, user_name, add_key));

  api::iam::CreateAccessKeyResponse out;
  out.access_key.user_name = user_name;
  out.access_key.access_key_id = access_key.id;
  out.access_key.status = api::iam::statusType::Active;
  out.access_key.secret_access_key = secret;
  out.access_key.create_date = wire::Timestamp(access_key.created_ms);
  co_return out;
}

Async<api::iam::ListAccessKeysResponse> IamService::list_access_keys(const RequestContext& ctx,
                                                                     const api::iam::ListAccessKeysRequest& in) {
  CO_TRY(const PageRequest request, page_request(in));
  CO_TRY(const std::string user_name, user_name_of(ctx, in.user_name));
  CO_TRY(const UserRow user, co_await find_entity<UserRow>(store_, ctx.account_id, user_name));
  std::vector<std::string> ids = user.access_key_ids;
  std::ranges::sort(ids);
  const Page<std::string> page = cut_page(std::move(ids), request, [](const std::string& id) { return id; });
  api::iam::ListAccessKeysResponse out;
  for (const std::string& access_key_id : page.items) {
    const std::string key = access_key_key(access_key_id);
    CO_TRY(const std::optional<std::string> bytes, co_await store_.get(key));
    if (!bytes) continue;
    CO_TRY(const AccessKeyRow access_key, decode_row<AccessKeyRow>(*bytes));
    api::iam::AccessKeyMetadata metadata;
    metadata.user_name = user.name;
    metadata.access_key_id = access_key.id;
    metadata.status = std::string(access_key.is_active ? api::iam::statusType::Active : api::iam::statusType::Inactive);
    metadata.create_date = wire::Timestamp(access_key.created_ms);
    out.access_key_metadata.push_back(std::move(metadata));
  }
  set_page(page, out);
  co_return out;
}

Async<wire::Unit> IamService::update_access_key(const RequestContext& ctx, const api::iam::UpdateAccessKeyRequest& in) {
  CO_TRY(const std::string user_name, user_name_of(ctx, in.user_name));
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY_DO(co_await find_entity<UserRow>(tx, ctx.account_id, user_name));
    CO_TRY(AccessKeyRow access_key, co_await find_access_key(tx, ctx.account_id, user_name, in.access_key_id));
    access_key.is_active = in.status == api::iam::statusType::Active;
    tx.put(access_key_key(access_key.id), encode_row(access_key));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  forget_cached();
  co_return wire::Unit{};
}

Async<wire::Unit> IamService::delete_access_key(const RequestContext& ctx, const api::iam::DeleteAccessKeyRequest& in) {
  CO_TRY(const std::string user_name, user_name_of(ctx, in.user_name));
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(UserRow user, co_await find_entity<UserRow>(tx, ctx.account_id, user_name));
    CO_TRY(const AccessKeyRow access_key, co_await find_access_key(tx, ctx.account_id, user_name, in.access_key_id));
    std::erase(user.access_key_ids, access_key.id);
    put_entity(tx, ctx.account_id, user);
    tx.remove(access_key_key(access_key.id));
    tx.remove(key_use_key(access_key.id));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  forget_cached();
  co_return wire::Unit{};
}

Async<api::iam::GetAccessKeyLastUsedResponse> IamService::get_access_key_last_used(
    const RequestContext& ctx, const api::iam::GetAccessKeyLastUsedRequest& in) {
  const std::string key = access_key_key(in.access_key_id);
  CO_TRY(const std::optional<std::string> bytes, co_await store_.get(key));
  if (!bytes) co_return no_such_key(in.access_key_id);
  CO_TRY(const AccessKeyRow access_key, decode_row<AccessKeyRow>(*bytes));
  if (access_key.account_id != ctx.account_id) co_return no_such_key(in.access_key_id);

  api::iam::GetAccessKeyLastUsedResponse out;
  out.user_name = access_key.user_name;
  auto& last_used = out.access_key_last_used.emplace();
  last_used.service_name = "N/A";  // AWS: of a key that was never used
  last_used.region = "N/A";
  const std::string use_key = key_use_key(in.access_key_id);
  CO_TRY(const std::optional<std::string> use_bytes, co_await store_.get(use_key));
  if (use_bytes) {
    CO_TRY(const KeyUseRow use, decode_row<KeyUseRow>(*use_bytes));
    last_used.last_used_date = wire::Timestamp(use.used_ms);
    last_used.service_name = use.service;
    last_used.region = use.region;
  }
  co_return out;
}

}  // namespace iam
}  // namespace hearth
