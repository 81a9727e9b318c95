// What SageMaker's List operations share: filters, order, pages. Everything of one account and region is read and
// sorted in memory: there are hundreds of endpoints, not millions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/sagemaker/errors.h"
#include "base/bytes.h"
#include "base/row.h"
#include "ports/read_rows.h"
#include "wire/values.h"

namespace hearth::sagemaker {

// One thing that can be listed, and what it is sorted by.
template <class Row>
struct Listed {
  Row row;
  std::string sort_key;
};

// Where a page ended: the sort key and the name of its last thing, as text that means nothing to clients.
struct PageEnd {
  std::string sort_key;
  std::string name;
};
BOOST_DESCRIBE_STRUCT(PageEnd, (), (sort_key, name))

struct PageRequest {
  bool descending = true;  // AWS: the newest first, unless asked otherwise
  std::size_t size = 10;   // AWS
  std::string token;
};

template <class Input>
PageRequest page_request(const Input& in) {
  PageRequest page;
  page.descending = in.sort_order.value_or("Descending") != "Ascending";
  page.size = static_cast<std::size_t>(in.max_results.value_or(10));
  page.token = in.next_token.value_or("");
  return page;
}

// Times as text that sorts like them.
inline std::string sortable(std::int64_t ms) {
  std::string digits = std::to_string(ms);
  return std::string(20 - std::min<std::size_t>(20, digits.size()), '0') + digits;
}

template <class Input>
bool passes_common_filters(const Input& in, const std::string& name, std::int64_t created_ms) {
  if (in.name_contains && name.find(*in.name_contains) == std::string::npos) return false;
  if (in.creation_time_before && created_ms >= in.creation_time_before->ms) return false;
  if (in.creation_time_after && created_ms <= in.creation_time_after->ms) return false;
  return true;
}

// Sorts, cuts out the page and says where the next one begins.
template <class Row>
Result<std::vector<Row>> take_page(std::vector<Listed<Row>> all, const PageRequest& page,
                                   wire::Opt<std::string>& next_token) {
  const auto before = [&](const std::string& a_key, const std::string& a_name, const std::string& b_key,
                          const std::string& b_name) {
    const auto a = std::tie(a_key, a_name), b = std::tie(b_key, b_name);
    return page.descending ? b < a : a < b;
  };
  std::ranges::sort(all, [&](const Listed<Row>& a, const Listed<Row>& b) {
    return before(a.sort_key, a.row.name, b.sort_key, b.row.name);
  });
  std::size_t first = 0;
  if (!page.token.empty()) {
    const auto bytes = from_base64(page.token);
    const auto end = bytes ? row::decode<PageEnd>(*bytes) : Error(ErrorKind::invalid, "");
    if (!end) return api::sagemaker::errors::validation_exception("The NextToken is not one that was given out.");
    while (first < all.size() && !before(end->sort_key, end->name, all[first].sort_key, all[first].row.name)) ++first;
  }
  std::vector<Row> rows;
  for (std::size_t i = first; i < all.size() && rows.size() < page.size; ++i) rows.push_back(std::move(all[i].row));
  if (const std::size_t end = first + rows.size(); !rows.empty() && end < all.size())
    next_token = to_base64(row::encode(PageEnd{all[end - 1].sort_key, rows.back().name}));
  return rows;
}

}  // namespace hearth::sagemaker
