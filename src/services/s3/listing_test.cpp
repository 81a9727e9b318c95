#include "services/s3/listing.h"

#include <algorithm>
#include <random>
#include <set>

#include "services/s3/s3_fixture.h"

namespace hearth::s3 {
namespace {

// What S3's documentation says a list is, in the plainest way.
struct Model {
  std::set<std::string> keys;

  std::vector<std::string> list(const std::string& prefix, const std::string& delimiter,
                                const std::string& after) const {
    std::vector<std::string> entries;
    for (const std::string& key : keys) {
      if (!key.starts_with(prefix) || key <= after) continue;
      std::string entry = key;
      if (!delimiter.empty())
        if (const std::size_t at = key.find(delimiter, prefix.size()); at != key.npos)
          entry = key.substr(0, at + delimiter.size());
      if (entries.empty() || entries.back() != entry) entries.push_back(entry);
    }
    return entries;
  }
};

std::vector<std::string> entries_of(const types::ListObjectsV2Output& out) {
  std::vector<std::string> entries;
  if (out.contents)
    for (const types::Object& object : *out.contents) entries.push_back(*object.key);
  if (out.common_prefixes)
    for (const types::CommonPrefix& prefix : *out.common_prefixes) entries.push_back(*prefix.prefix);
  std::ranges::sort(entries);
  return entries;
}

TEST(ListObjectsV2, PagesAddUpToWhatANaiveModelLists) {
  std::mt19937 random(7);
  const std::vector<std::string> pieces = {"a", "b", "/", "//", "ä", "日", "z", "-", "\x01", "\xf0\x9f\x98\x80"};
  const auto random_text = [&](int piece_count_max) {
    std::string text;
    for (int n = std::uniform_int_distribution(0, piece_count_max)(random); n > 0; --n)
      text += pieces[random() % pieces.size()];
    return text;
  };
  S3Fixture s3;
  Model model;
  for (int i = 0; i < 300; ++i) {
    const std::string key = random_text(6) + "k";
    model.keys.insert(key);
    ASSERT_TRUE(s3.put("photos", key, "x"));
  }
  for (int round = 0; round < 150; ++round) {
    types::ListObjectsV2Request in;
    in.bucket = "photos";
    const std::string prefix = random_text(2);
    const std::string delimiter = round % 3 == 0 ? "" : round % 3 == 1 ? "/" : random_text(2);
    if (!prefix.empty()) in.prefix = prefix;
    if (!delimiter.empty()) in.delimiter = delimiter;
    in.max_keys = std::uniform_int_distribution(1, 40)(random);
    std::vector<std::string> listed;
    for (int page = 0; page < 400; ++page) {
      const auto out = s3.call(&S3Service::list_objects_v2, in);
      ASSERT_TRUE(out);
      const std::vector<std::string> entries = entries_of(*out);
      EXPECT_LE(entries.size(), static_cast<std::size_t>(*in.max_keys));
      EXPECT_EQ(static_cast<std::size_t>(*out->key_count), entries.size());
      listed.insert(listed.end(), entries.begin(), entries.end());
      if (!*out->is_truncated) break;
      in.continuation_token = *out->next_continuation_token;
    }
    EXPECT_EQ(listed, model.list(prefix, delimiter, "")) << "prefix " << prefix << " delimiter " << delimiter;
  }
}

TEST(ListObjectsV2, StartAfterAndMaxKeysZero) {
  S3Fixture s3;
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(s3.put("photos", key, "x"));
  types::ListObjectsV2Request in;
  in.bucket = "photos";
  in.start_after = "a";
  auto out = s3.call(&S3Service::list_objects_v2, in);
  EXPECT_EQ(entries_of(*out), (std::vector<std::string>{"b", "c"}));
  EXPECT_FALSE(out->contents->front().owner);
  in.fetch_owner = true;
  EXPECT_TRUE(s3.call(&S3Service::list_objects_v2, in)->contents->front().owner);
  in.max_keys = 0;
  out = s3.call(&S3Service::list_objects_v2, in);
  EXPECT_FALSE(*out->is_truncated);
  EXPECT_EQ(*out->key_count, 0);
  in.max_keys = -1;
  EXPECT_AWS_ERROR(s3.call(&S3Service::list_objects_v2, in), 400, "InvalidArgument");
  in.max_keys = 10;
  in.continuation_token = "*";
  EXPECT_AWS_ERROR(s3.call(&S3Service::list_objects_v2, in), 400, "InvalidArgument");
}

TEST(ListObjects, AMarkerThatIsAGroupSkipsTheGroup) {
  S3Fixture s3;
  for (const char* key : {"a/1", "a/2", "b", "c/1"}) ASSERT_TRUE(s3.put("photos", key, "x"));
  types::ListObjectsRequest in;
  in.bucket = "photos";
  in.delimiter = "/";
  in.max_keys = 1;
  auto out = s3.call(&S3Service::list_objects, in);
  EXPECT_EQ(*out->common_prefixes->front().prefix, "a/");
  EXPECT_EQ(*out->next_marker, "a/");
  in.marker = *out->next_marker;
  out = s3.call(&S3Service::list_objects, in);
  EXPECT_EQ(*out->contents->front().key, "b");
}

TEST(ListObjects, KeysAreEncodedWhenAsked) {
  S3Fixture s3;
  ASSERT_TRUE(s3.put("photos", "ü+x y/\x01", "x"));
  types::ListObjectsRequest in;
  in.bucket = "photos";
  in.encoding_type = "url";
  EXPECT_EQ(*s3.call(&S3Service::list_objects, in)->contents->front().key, "%C3%BC%2Bx%20y/%01");
  in.encoding_type = "rot13";
  EXPECT_AWS_ERROR(s3.call(&S3Service::list_objects, in), 400, "InvalidArgument");
}

// Counts rows that scans return.
class CountingTransaction final : public Transaction {
 public:
  explicit CountingTransaction(Transaction& inner) : inner_(inner) {}
  Async<std::optional<std::string>> get(std::string_view key) override { return inner_.get(key); }
  Async<std::vector<KeyValue>> scan(KeyRange range, std::size_t limit, bool reverse) override {
    CO_TRY(std::vector<KeyValue> rows, co_await inner_.scan(std::move(range), limit, reverse));
    row_count += rows.size();
    co_return rows;
  }
  void put(std::string_view key, std::string value) override { inner_.put(key, std::move(value)); }
  void remove(std::string_view key) override { inner_.remove(key); }
  std::size_t row_count = 0;

 private:
  Transaction& inner_;
};

TEST(ListObjects, LeapsOverGroupsInsteadOfReadingThem) {
  S3Fixture s3;
  for (int group = 0; group < 10; ++group)
    for (int i = 0; i < 2000; ++i)
      ASSERT_TRUE(s3.put("photos", "group" + std::to_string(group) + "/" + std::to_string(i), "x"));
  const auto snapshot = s3.metadata.begin();
  CountingTransaction tx(*snapshot);
  const auto page = sync_wait(list_newest(tx, {.bucket = "photos", .delimiter = "/"}));
  EXPECT_EQ(page->common_prefixes.size(), 10u);
  EXPECT_LT(tx.row_count, 300u) << "of 20000";
}

}  // namespace
}  // namespace hearth::s3
