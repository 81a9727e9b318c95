// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateKeyPair.html, ImportKeyPair, DeleteKeyPair,
// DescribeKeyPairs
#include <algorithm>

#include "api/ec2/errors.h"
#include "ports/read_rows.h"
#include "services/ec2/access.h"
#include "services/ec2/filters.h"
#include "services/ec2/key_material.h"
#include "services/ec2/refusals.h"
#include "services/ec2/served_members.h"
#include "services/ec2/service.h"
#include "services/ec2/tags.h"

namespace hearth {

namespace op = api::ec2::op;
namespace ec2 {

template <class Op>
struct OnNewKeyPair {
  static std::vector<Access> of(const RequestContext& ctx, const typename Op::Input& in) {
    Access access{action_of<Op>(), arn(ctx, "key-pair", in.key_name), {}};
    add_specified_tag_conditions(in.tag_specifications, access.context);
    std::vector<Access> accesses{std::move(access)};
    add_tagging<Op>(ctx, in, accesses);
    return accesses;
  }
};

}  // namespace ec2
template <>
struct AccessRule<op::CreateKeyPair> : ec2::OnNewKeyPair<op::CreateKeyPair> {};
template <>
struct AccessRule<op::ImportKeyPair> : ec2::OnNewKeyPair<op::ImportKeyPair> {};
template <>
struct AccessRule<op::DeleteKeyPair> {
  // AWS: a key pair's ARN holds its name. Whatever is named goes, by its name or by its id.
  static std::vector<Access> of(const RequestContext& ctx, const api::ec2::DeleteKeyPairRequest& in) {
    std::vector<Access> accesses;
    if (in.key_name || !in.key_pair_id)
      accesses.push_back({"ec2:DeleteKeyPair", ec2::arn(ctx, "key-pair", in.key_name.value_or("*")), {}});
    if (in.key_pair_id) accesses.push_back({"ec2:DeleteKeyPair", ec2::arn(ctx, "key-pair", "*"), {}, *in.key_pair_id});
    return accesses;
  }
};
template <>
struct AccessRule<op::DescribeKeyPairs> : ec2::OnAnything<op::DescribeKeyPairs> {};

namespace ec2 {
namespace errors = api::ec2::errors;
namespace {

Result<void> check_name(const std::string& name) {
  constexpr std::size_t length_max = 255;
  if (name.empty() || name.size() > length_max || name.find('/') != std::string::npos)
    return errors::invalid_parameter_value("Value (" + name + ") for parameter KeyName is invalid.");
  return ok;
}

FieldsOf key_pair_fields(const KeyPairRow& row) {
  return [&row](std::string_view name) -> std::optional<std::vector<std::string>> {
    if (name == "key-name") return std::vector{row.name};
    if (name == "key-pair-id") return std::vector{row.id};
    if (name == "fingerprint") return std::vector{row.fingerprint};
    return tag_fields(name, row.tags);
  };
}

// Keeps a key under the name and with the tags of the call that made or brought it.
template <class In>
Async<KeyPairRow> add_key_pair(Ec2Ports& ports, const RequestContext& ctx, const In& in, PublicKey key) {
  KeyPairRow row{.id = ports.ids.aws_id("key-"),
                 .name = in.key_name,
                 .type = std::move(key.type),
                 .fingerprint = std::move(key.fingerprint),
                 .public_key = std::move(key.line),
                 .created_ms = to_ms(ports.clock.now())};
  CO_TRY(row.tags, tags_for(in.tag_specifications, "key-pair"));
  const std::string place = key_pair_key(ctx.account_id, ctx.region, row.name);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(place));
    if (stored) co_return errors::invalid_key_pair_duplicate("The keypair '" + row.name + "' already exists.");
    tx.put(place, row::encode(row));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports.store, body));
  co_return row;
}

// What KeyPair, ImportKeyPairResult and KeyPairInfo have in common.
template <class View>
View key_pair_view(const KeyPairRow& row) {
  View view;
  view.key_pair_id = row.id;
  view.key_name = row.name;
  view.key_fingerprint = row.fingerprint;
  view.tags = tags_view(row.tags);
  return view;
}

}  // namespace

void Ec2Service::register_key_pairs(OperationTable& table) {
  table.serve<op::CreateKeyPair>(*this, &Ec2Service::create_key_pair);
  table.serve<op::ImportKeyPair>(*this, &Ec2Service::import_key_pair);
  table.serve<op::DeleteKeyPair>(*this, &Ec2Service::delete_key_pair);
  table.serve<op::DescribeKeyPairs>(*this, &Ec2Service::describe_key_pairs);
}

Async<api::ec2::KeyPair> Ec2Service::create_key_pair(const RequestContext& ctx,
                                                     const api::ec2::CreateKeyPairRequest& in) {
  CO_TRY_DO(check_request<op::CreateKeyPair>(in));
  CO_TRY_DO(check_name(in.key_name));
  CO_TRY_DO(check_tag_specifications(in.tag_specifications, {"key-pair"}));
  const std::string type = in.key_type.value_or("rsa");
  if (type != "rsa" && type != "ed25519")
    co_return errors::invalid_parameter_value("Value (" + type + ") for parameter KeyType is invalid.");
  if (in.key_format.value_or("pem") != "pem")
    co_return errors::unsupported("Key material is given in PEM form only on this installation.");
  KeyMaterial made = type == "rsa" ? make_rsa_key(in.key_name) : make_ed25519_key(in.key_name, ports_.ids);
  CO_TRY(const KeyPairRow row, co_await add_key_pair(ports_, ctx, in, std::move(made.public_key)));
  auto out = key_pair_view<api::ec2::KeyPair>(row);
  out.key_material = std::move(made.private_key);
  co_return out;
}

Async<api::ec2::ImportKeyPairResult> Ec2Service::import_key_pair(const RequestContext& ctx,
                                                                 const api::ec2::ImportKeyPairRequest& in) {
  CO_TRY_DO(check_request<op::ImportKeyPair>(in));
  CO_TRY_DO(check_name(in.key_name));
  CO_TRY_DO(check_tag_specifications(in.tag_specifications, {"key-pair"}));
  auto parsed = parse_public_key(in.public_key_material.data);
  if (!parsed) co_return errors::invalid_key_format(parsed.error().message());
  CO_TRY(const KeyPairRow row, co_await add_key_pair(ports_, ctx, in, *std::move(parsed)));
  co_return key_pair_view<api::ec2::ImportKeyPairResult>(row);
}

// AWS: deleting a key pair that is not there succeeds.
Async<api::ec2::DeleteKeyPairResult> Ec2Service::delete_key_pair(const RequestContext& ctx,
                                                                 const api::ec2::DeleteKeyPairRequest& in) {
  CO_TRY_DO(check_request<op::DeleteKeyPair>(in));
  if (!in.key_name && !in.key_pair_id)
    co_return errors::missing_parameter("The request must contain the parameter KeyName or KeyPairId");
  api::ec2::DeleteKeyPairResult out;
  out.return_ = true;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto rows, co_await read_rows<KeyPairRow>(tx, key_pair_prefix(ctx.account_id, ctx.region)));
    for (const auto& row : rows)
      if ((in.key_name && row.name == *in.key_name) || (in.key_pair_id && row.id == *in.key_pair_id)) {
        tx.remove(key_pair_key(ctx.account_id, ctx.region, row.name));
        out.key_pair_id = row.id;
      }
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  co_return out;
}

Async<api::ec2::DescribeKeyPairsResult> Ec2Service::describe_key_pairs(const RequestContext& ctx,
                                                                       const api::ec2::DescribeKeyPairsRequest& in) {
  CO_TRY_DO(check_request<op::DescribeKeyPairs>(in));
  CO_TRY_DO(check_filters(in.filters, key_pair_fields(KeyPairRow())));
  CO_TRY(const auto rows, co_await read_rows<KeyPairRow>(ports_.store, key_pair_prefix(ctx.account_id, ctx.region)));
  std::vector<std::string> unseen = in.key_names.value_or(std::vector<std::string>());
  if (in.key_pair_ids) unseen.insert(unseen.end(), in.key_pair_ids->begin(), in.key_pair_ids->end());
  const bool any = unseen.empty();
  api::ec2::DescribeKeyPairsResult out;
  out.key_pairs.emplace();
  for (const auto& row : rows) {
    if (std::erase_if(unseen, [&](const auto& wanted) { return wanted == row.name || wanted == row.id; }) == 0 && !any)
      continue;
    CO_TRY(const bool holds, passes(in.filters, key_pair_fields(row)));
    if (!holds) continue;
    auto& view = out.key_pairs->emplace_back(key_pair_view<api::ec2::KeyPairInfo>(row));
    view.key_type = row.type;
    view.create_time = wire::Timestamp{row.created_ms};
    if (in.include_public_key.value_or(false)) view.public_key = row.public_key;
  }
  if (!unseen.empty()) co_return no_such_key_pair(unseen.front());
  co_return out;
}

}  // namespace ec2
}  // namespace hearth
