#include "services/s3/listing.h"

#include <algorithm>

#include "services/s3/names.h"

namespace hearth::s3 {

Async<const KeyValue*> RowWalk::next() {
  for (;;) {
    while (at_ < batch_.size()) {
      const KeyValue& row = batch_[at_++];
      if (row.key >= wanted_from_) co_return &row;
    }
    if (is_last_batch_) co_return nullptr;

    if (!batch_.empty()) {
      const std::string after_last = batch_.back().key + '\0';
      const bool leaps = wanted_from_ > after_last;
      range_.begin = leaps ? wanted_from_ : after_last;
      batch_size_ = leaps ? batch_size_min : std::min(batch_size_ * 4, batch_size_max);
    }
    CO_TRY(batch_, co_await tx_.scan(range_, batch_size_));
    at_ = 0;
    is_last_batch_ = batch_.size() < batch_size_;
  }
}

std::optional<std::string> common_prefix(std::string_view key, std::string_view prefix, std::string_view delimiter) {
  if (delimiter.empty()) return std::nullopt;
  const std::size_t at = key.find(delimiter, prefix.size());
  if (at == key.npos) return std::nullopt;
  return std::string(key.substr(0, at + delimiter.size()));
}

std::string begin_after(std::string_view rows_of_bucket, std::string_view prefix, std::string_view delimiter,
                        std::string_view marker) {
  std::string begin = keys::starting_with(rows_of_bucket, prefix);
  if (marker.empty()) return begin;
  // A marker that is itself a group means that the group was listed.
  const bool is_group = marker.starts_with(prefix) && common_prefix(marker, prefix, delimiter) == marker;
  return std::max(std::move(begin),
                  is_group ? keys::end_of_prefix(rows_of_bucket, marker) : keys::after_key(rows_of_bucket, marker));
}

Result<std::size_t> entry_limit(std::string_view argument_name, const wire::Opt<std::int32_t>& asked) {
  constexpr std::int32_t entry_count_max = 1000;
  const std::int32_t limit = asked.value_or(entry_count_max);
  if (limit < 0)
    return invalid_argument("Argument " + std::string(argument_name) + " must be an integer between 0 and 2147483647",
                            argument_name, std::to_string(limit));
  return static_cast<std::size_t>(std::min(limit, entry_count_max));
}

Result<TextEncoding> TextEncoding::parse(const wire::Opt<std::string>& encoding_type) {
  TextEncoding encoding;
  if (!encoding_type) return encoding;
  if (*encoding_type != "url")
    return invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", *encoding_type);
  encoding.is_url_ = true;
  return encoding;
}

Async<ObjectPage> list_newest(Transaction& tx, const ObjectListQuery& query) {
  ObjectPage page;
  if (query.limit == 0) co_return page;

  const std::string rows = keys::objects(query.bucket);
  RowWalk walk(
      tx, {begin_after(rows, query.prefix, query.delimiter, query.marker), keys::end_of_prefix(rows, query.prefix)});
  for (;;) {
    CO_TRY(const KeyValue* stored, co_await walk.next());
    if (!stored) co_return page;
    std::string key = keys::read_object(stored->key, rows.size()).key;
    CO_TRY(ObjectRow row, decode_object(stored->value));
    // What follows under the same key is older.
    walk.leap_to(keys::after_key(rows, key));
    if (row.is_delete_marker) continue;

    if (page.objects.size() + page.common_prefixes.size() == query.limit) {
      page.is_truncated = true;
      co_return page;
    }
    if (std::optional<std::string> group = common_prefix(key, query.prefix, query.delimiter)) {
      walk.leap_to(keys::end_of_prefix(rows, *group));
      page.last = *group;
      page.common_prefixes.push_back(*std::move(group));
    } else {
      page.last = key;
      page.objects.push_back({std::move(key), std::move(row)});
    }
  }
}

}  // namespace hearth::s3
