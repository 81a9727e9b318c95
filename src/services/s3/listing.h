// What the lists have in common: a walk over ordered rows that leaps instead of reading what it would drop, and the
// parameters every list takes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/metadata_store.h"
#include "services/s3/rows.h"
#include "wire/values.h"

namespace hearth::s3 {

// Rows of a range in order, read ahead in batches that grow while everything read is used and shrink after a leap.
class RowWalk {
 public:
  RowWalk(Transaction& tx, KeyRange range) : tx_(tx), range_(std::move(range)) {}
  // Null at the end. Valid until the next call.
  Async<const KeyValue*> next();
  // Whatever lies before `row_key` is not wanted.
  void leap_to(std::string row_key) { wanted_from_ = std::move(row_key); }

 private:
  static constexpr std::size_t batch_size_min = 8;
  static constexpr std::size_t batch_size_max = 1024;

  Transaction& tx_;
  KeyRange range_;
  std::string wanted_from_;
  std::vector<KeyValue> batch_;
  std::size_t at_ = 0;
  std::size_t batch_size_ = 64;
  bool is_last_batch_ = false;
};

// The group a key is rolled up into: up to and including the first delimiter after the prefix. Null: none.
std::optional<std::string> common_prefix(std::string_view key, std::string_view prefix, std::string_view delimiter);

// Where rows of `rows_of_bucket` begin that come after `marker` (a key, or a common prefix that was listed) and start
// with `prefix`.
std::string begin_after(std::string_view rows_of_bucket, std::string_view prefix, std::string_view delimiter,
                        std::string_view marker);

// max-keys and its kin: at most 1000. InvalidArgument when negative.
Result<std::size_t> entry_limit(std::string_view argument_name, const wire::Opt<std::int32_t>& asked);

// encoding-type. With `url` every text that came from a key or a request is percent-encoded in the answer.
class TextEncoding {
 public:
  static Result<TextEncoding> parse(const wire::Opt<std::string>& encoding_type);  // InvalidArgument
  std::string operator()(std::string_view text) const { return is_url_ ? percent_encode(text) : std::string(text); }
  wire::Opt<std::string> if_given(const wire::Opt<std::string>& text) const {
    return text ? wire::Opt<std::string>((*this)(*text)) : text;
  }

 private:
  bool is_url_ = false;
};

// A page of the newest objects of a bucket: what ListObjects and ListObjectsV2 answer in their own words.
struct ObjectListQuery {
  std::string bucket;
  std::string prefix;
  std::string delimiter;
  std::string marker;  // only what comes after it
  std::size_t limit = 1000;
};
struct ListedObject {
  std::string key;
  ObjectRow row;
};
struct ObjectPage {
  std::vector<ListedObject> objects;
  std::vector<std::string> common_prefixes;
  bool is_truncated = false;
  std::string last;  // key or common prefix: the marker of the next page
};
Async<ObjectPage> list_newest(Transaction& tx, const ObjectListQuery& query);

}  // namespace hearth::s3
