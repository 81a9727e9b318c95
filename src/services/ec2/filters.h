// Filters and pages of the Describe operations.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html A resource says what it has under a
// filter's name; values of one filter are alternatives, filters must all hold, and
// "*" and "?" match as in file names.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/ec2/types.h"
#include "base/result.h"
#include "services/ec2/rows.h"

namespace hearth::ec2 {

using Filters = wire::Opt<std::vector<api::ec2::Filter>>;
// The values a resource has under a name; nullopt: no such filter.
using FieldsOf = std::function<std::optional<std::vector<std::string>>(std::string_view name)>;

bool matches_wildcard(std::string_view pattern, std::string_view text);

// Whether every filter holds. InvalidParameterValue for a filter this operation does not have.
Result<bool> passes(const Filters& filters, const FieldsOf& fields);

// The same for filters alone, whatever there is to be listed: `fields` are those of any resource of the kind.
Result<void> check_filters(const Filters& filters, const FieldsOf& fields);

// What "tag:NAME", "tag-key" and "tag-value" mean; nullopt for other names.
std::optional<std::vector<std::string>> tag_fields(std::string_view filter_name, const Tags& tags);

struct PageRange {
  std::size_t begin = 0, end = 0;
  std::string next_token;  // empty: this is the last page
};
// A page of a list of `count` things, in an order that does not change. The token says how many came before.
Result<PageRange> page_of(std::size_t count, const wire::Opt<std::string>& next_token,
                          const wire::Opt<std::int32_t>& max_results, std::int32_t max_results_min = 5,
                          std::int32_t max_results_max = 1000);

template <class Item, class In>
Result<std::vector<Item>> cut_page(std::vector<Item> items, const In& in, wire::Opt<std::string>& next_token) {
  TRY(const PageRange page, page_of(items.size(), in.next_token, in.max_results));
  if (!page.next_token.empty()) next_token = page.next_token;
  return std::vector<Item>(std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(page.begin)),
                           std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(page.end)));
}

// DryRun: the call was authorised and would have been done.
Result<void> check_dry_run(const wire::Opt<bool>& dry_run);

}  // namespace hearth::ec2
