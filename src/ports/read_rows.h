// Reads and decodes every row under a prefix. Blocks nothing: goes through the store in pieces.
#pragma once

#include <string>
#include <vector>

#include "base/row.h"
#include "ports/metadata_store.h"

namespace hearth {

// From a MetadataStore, or from a Transaction (then the rows read are part of what a commit checks). In key order.
//   CO_TRY(const auto alarms, co_await read_rows<AlarmRow>(store_, alarms_prefix(account, region)));
template <class Row, class Reader>
Async<std::vector<Row>> read_rows(Reader& reader, std::string prefix) {
  constexpr std::size_t piece = 500;
  KeyRange range = KeyRange::prefix(prefix);
  std::vector<Row> rows;
  for (;;) {
    CO_TRY(const auto found, co_await reader.scan(range, piece));
    for (const KeyValue& entry : found) {
      CO_TRY(Row row, row::decode<Row>(entry.value));
      rows.push_back(std::move(row));
    }
    if (found.size() < piece) co_return rows;
    range.begin = found.back().key + '\0';
  }
}

}  // namespace hearth
