// The two ways operations change the store: whatever they change, decisions made afterwards see it.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "services/iam/entities.h"
#include "services/iam/service.h"

namespace hearth::iam {

template <class Row, class Body>
Async<Row> IamService::change(std::string_view account_id, std::string_view name, const Body& body) {
  CO_TRY(Row row, co_await change_entity<Row>(store_, account_id, name, body));
  forget_cached();
  co_return row;
}

template <class Row, class Body>
Async<void> IamService::create(std::string_view account_id, const Row& row, const Body& body) {
  CO_TRY_DO(co_await create_entity<Row>(store_, account_id, row, body));
  forget_cached();
  co_return ok;
}

inline constexpr auto nothing_more = [](Transaction&) -> Result<void> { return ok; };

// Tags of a request over those there are. AWS: at most 50, keys differ without regard to case.
template <class RequestTags>
Result<void> merge_tags(const RequestTags& requested, Tags& tags) {
  constexpr std::size_t tag_count_max = 50;
  std::set<std::string> keys;
  for (const auto& tag : requested) {
    if (!keys.insert(to_lower(tag.key)).second)
      return errors::invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    if (to_lower(tag.key).starts_with("aws:"))
      return errors::invalid_input("Tag keys that begin with aws: are AWS's own.");
    std::erase_if(tags, [&](const auto& old) { return equal_ignoring_case(old.first, tag.key); });
    tags[tag.key] = tag.value;
  }
  if (tags.size() > tag_count_max) return errors::limit_exceeded("Cannot exceed quota for TagsPerResource: 50");
  return ok;
}

}  // namespace hearth::iam
