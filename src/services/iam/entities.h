// Finding and listing rows of one kind, with IAM's errors for what is not there. Works on a transaction and on the
// store.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/iam/errors.h"
#include "base/bytes.h"
#include "ports/metadata_store.h"
#include "services/iam/policy/pattern.h"
#include "services/iam/rows.h"

namespace hearth::iam {

namespace errors = api::iam::errors;

template <class Row>
std::string entity_key(std::string_view account_id, std::string_view name) {
  return make_key("iam", account_id, Row::kind, to_lower(name));
}
inline std::string member_key(std::string_view account_id, std::string_view group, std::string_view user) {
  return make_key("iam", account_id, "member", to_lower(group), to_lower(user));
}
inline std::string renamed_key(std::string_view account_id, std::string_view user_id) {
  return make_key("iam", account_id, "renamed", user_id);
}
enum class PolicyUse { permissions, boundary };
inline std::string attached_key(std::string_view account_id, std::string_view policy_arn, PolicyUse use,
                                std::string_view kind, std::string_view name) {
  return make_key("iam", account_id, "attached", policy_arn, use == PolicyUse::boundary ? "boundary" : "permissions",
                  kind, name);
}
inline std::string access_key_key(std::string_view access_key_id) {
  return make_key("iam", "key", access_key_id);
}
inline std::string key_use_key(std::string_view access_key_id) {
  return make_key("iam", "key-use", access_key_id);
}

template <class Row>
Error no_such(std::string_view name) {
  if constexpr (std::is_same_v<Row, ProfileRow>)
    return errors::no_such_entity("Instance Profile " + std::string(name) + " cannot be found.");
  else
    return errors::no_such_entity("The " + std::string(Row::kind) + " with name " + std::string(name) +
                                  " cannot be found.");
}

template <class Row>
Error already_there(std::string_view name) {
  if constexpr (std::is_same_v<Row, UserRow>)
    return errors::entity_already_exists("User with name " + std::string(name) + " already exists.");
  if constexpr (std::is_same_v<Row, GroupRow>)
    return errors::entity_already_exists("Group with name " + std::string(name) + " already exists.");
  if constexpr (std::is_same_v<Row, RoleRow>)
    return errors::entity_already_exists("Role with name " + std::string(name) + " already exists.");
  if constexpr (std::is_same_v<Row, ProfileRow>)
    return errors::entity_already_exists("Instance Profile " + std::string(name) + " already exists.");
  return errors::entity_already_exists("A policy called " + std::string(name) +
                                       " already exists. Duplicate names are not allowed.");
}

// NoSuchEntity if there is none of that very spelling.
template <class Row, class Reader>
Async<Row> find_entity(Reader& reader, std::string_view account_id, std::string_view name) {
  const std::string key = entity_key<Row>(account_id, name);
  CO_TRY(const std::optional<std::string> bytes, co_await reader.get(key));
  if (!bytes) co_return no_such<Row>(name);
  CO_TRY(Row row, decode_row<Row>(*bytes));
  if (row.name != name) co_return no_such<Row>(name);
  co_return row;
}

// A failing store is not an entity that is not there.
template <class Row, class Reader>
Async<std::optional<Row>> find_if_there(Reader& reader, std::string_view account_id, std::string_view name) {
  Result<Row> row = co_await find_entity<Row>(reader, account_id, name);
  if (row) co_return std::optional<Row>(*std::move(row));
  if (row.error().kind() != ErrorKind::aws) co_return std::move(row).error();
  co_return std::optional<Row>();
}

template <class Row>
void put_entity(Transaction& tx, std::string_view account_id, const Row& row) {
  tx.put(entity_key<Row>(account_id, row.name), encode_row(row));
}

// Bodies of changes return Result<void>, or Async<void> where they must read more.
inline Async<void> outcome(Result<void> result) {
  co_return result;
}
inline Async<void> outcome(Async<void> result) {
  return result;
}

// Runs `body(tx, row)` on the row as it is and stores what becomes of it; `body` may run again.
template <class Row, class Body>
Async<Row> change_entity(MetadataStore& store, std::string_view account_id, std::string_view name, const Body& body) {
  Row changed;
  const TransactionBody transaction = [&](Transaction& tx) -> Async<void> {
    CO_TRY(Row row, co_await find_entity<Row>(tx, account_id, name));
    CO_TRY_DO(co_await outcome(body(tx, row)));
    put_entity(tx, account_id, row);
    changed = std::move(row);
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store, transaction));
  co_return changed;
}

// Stores a new row, as `body(tx)` leaves it, which may add more in the same transaction.
template <class Row, class Body>
Async<void> create_entity(MetadataStore& store, std::string_view account_id, const Row& row, const Body& body) {
  const TransactionBody transaction = [&](Transaction& tx) -> Async<void> {
    const std::string key = entity_key<Row>(account_id, row.name);
    CO_TRY(const std::optional<std::string> old, co_await tx.get(key));
    if (old) co_return already_there<Row>(row.name);
    CO_TRY_DO(co_await outcome(body(tx)));
    tx.put(key, encode_row(row));
    co_return ok;
  };
  co_return co_await transact(store, transaction);
}

// One page of a list, and where the next one starts.
template <class T>
struct Page {
  std::vector<T> items;
  std::string marker;  // empty: this was the last page
};
struct PageRequest {
  std::string after;  // last name of the page before
  std::size_t count_max = 100;
};

// AWS: Marker is opaque; MaxItems is 100 unless said.
template <class Input>
Result<PageRequest> page_request(const Input& in) {
  PageRequest request;
  if (in.max_items) request.count_max = static_cast<std::size_t>(*in.max_items);
  if (in.marker) {
    const std::optional<std::string> after = from_base64(*in.marker);
    if (!after) return errors::validation_error("Invalid Marker: " + *in.marker);
    request.after = *after;
  }
  return request;
}

template <class T, class Output>
void set_page(const Page<T>& page, Output& out) {
  out.is_truncated = !page.marker.empty();
  if (!page.marker.empty()) out.marker = page.marker;
}

// Cuts a page out of everything there is, which is ordered by `name_of`.
template <class T, class NameOf>
Page<T> cut_page(std::vector<T> all, const PageRequest& request, const NameOf& name_of) {
  Page<T> page;
  for (T& item : all) {
    if (!request.after.empty() && name_of(item) <= request.after) continue;
    if (page.items.size() == request.count_max) {
      page.marker = to_base64(name_of(page.items.back()));
      break;
    }
    page.items.push_back(std::move(item));
  }
  return page;
}

// Rows of one kind whose path starts with `path_prefix`, ordered by name.
template <class Row, class Reader>
Async<Page<Row>> list_entities(Reader& reader, std::string_view account_id, std::string_view path_prefix,
                               const PageRequest& request) {
  const std::string all = make_key("iam", account_id, Row::kind);
  KeyRange range = KeyRange::prefix(all);
  if (!request.after.empty()) range.begin = after_prefix(entity_key<Row>(account_id, request.after));
  Page<Row> page;
  constexpr std::size_t batch_size = 256;
  while (true) {
    CO_TRY(const std::vector<KeyValue> batch, co_await reader.scan(range, batch_size));
    for (const KeyValue& entry : batch) {
      CO_TRY(Row row, decode_row<Row>(entry.value));
      if (!row.path.starts_with(path_prefix)) continue;
      if (page.items.size() == request.count_max) {
        page.marker = to_base64(page.items.back().name);
        co_return page;
      }
      page.items.push_back(std::move(row));
    }
    if (batch.size() < batch_size) co_return page;
    range.begin = after_prefix(batch.back().key);
  }
}

}  // namespace hearth::iam
