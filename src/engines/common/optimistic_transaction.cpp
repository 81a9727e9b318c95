#include "engines/common/optimistic_transaction.h"

#include <algorithm>
#include <iterator>

namespace hearth {
namespace {

// The writes of a transaction that fall into `range`, in the order of the scan.
std::vector<WriteSet::const_pointer> writes_inside(const WriteSet& writes, const KeyRange& range, bool reverse) {
  std::vector<WriteSet::const_pointer> inside;
  for (auto it = writes.lower_bound(range.begin); it != writes.end(); ++it) {
    if (!range.end.empty() && it->first >= range.end) break;
    inside.push_back(&*it);
  }
  if (reverse) std::ranges::reverse(inside);
  return inside;
}

// Lays a transaction's own writes over the rows of its snapshot; both are in the order of the scan.
std::vector<KeyValue> merge(std::vector<KeyValue> rows, const std::vector<WriteSet::const_pointer>& writes,
                            bool reverse) {
  const auto comes_before = [reverse](std::string_view a, std::string_view b) { return reverse ? a > b : a < b; };
  std::vector<KeyValue> merged;
  merged.reserve(rows.size() + writes.size());
  auto row = rows.begin();
  for (const auto* write : writes) {
    const auto& [key, value] = *write;
    while (row != rows.end() && comes_before(row->key, key)) merged.push_back(std::move(*row++));
    if (row != rows.end() && row->key == key) ++row;
    if (value) merged.push_back({key, *value});
  }
  std::move(row, rows.end(), std::back_inserter(merged));
  return merged;
}

// What a scan really looked at: when the limit cut it, nothing behind its last row.
KeyRange covered_range(KeyRange range, const std::vector<KeyValue>& rows, std::size_t limit, bool reverse) {
  if (rows.size() < limit) return range;
  if (reverse)
    range.begin = rows.back().key;
  else
    range.end = rows.back().key + '\0';
  return range;
}

}  // namespace

Async<std::optional<std::string>> OptimisticTransaction::get(std::string_view key) {
  if (const auto own = writes_.find(key); own != writes_.end()) co_return own->second;
  reads_.keys.emplace_back(key);
  co_return co_await get_committed(key);
}

Async<std::vector<KeyValue>> OptimisticTransaction::scan(KeyRange range, std::size_t limit, bool reverse) {
  if (limit == 0) co_return std::vector<KeyValue>();
  const auto own = writes_inside(writes_, range, reverse);
  // Each own write can hide at most one row of the snapshot, so this many rows leave `limit` of them.
  const std::size_t row_count_max = std::max(limit, limit + own.size());
  CO_TRY(auto committed, co_await scan_committed(range, row_count_max, reverse));
  std::vector<KeyValue> rows = merge(std::move(committed), own, reverse);
  if (rows.size() > limit) rows.resize(limit);
  reads_.ranges.push_back(covered_range(std::move(range), rows, limit, reverse));
  co_return rows;
}

void OptimisticTransaction::put(std::string_view key, std::string value) {
  writes_.insert_or_assign(std::string(key), std::move(value));
}

void OptimisticTransaction::remove(std::string_view key) {
  writes_.insert_or_assign(std::string(key), std::nullopt);
}

}  // namespace hearth
