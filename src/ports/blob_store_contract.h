// What every BlobStore promises, as tests. An engine's *_test.cpp includes this once and says
//   INSTANTIATE_TEST_SUITE_P(LocalFs, BlobStoreContract, testing::Values(BlobStoreMaker(make_localfs)));
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ports/blob_store.h"

namespace hearth {

// A fresh, empty store, made with `clock`, and whatever it stands on.
class BlobStoreUnderTest {
 public:
  virtual ~BlobStoreUnderTest() = default;
  virtual BlobStore& store() = 0;
  // Closes and opens the store on the same bytes. False if nothing survives closing.
  virtual bool reopen() { return false; }
};
using BlobStoreMaker = std::function<std::unique_ptr<BlobStoreUnderTest>(const Clock& clock)>;

// Bytes that tell where they stand, so that a shifted or mixed-up read shows.
inline std::string numbered_bytes(std::size_t size_bytes, std::uint64_t seed = 1) {
  std::string bytes;
  bytes.reserve(size_bytes + 8);
  for (std::uint64_t i = 0; bytes.size() < size_bytes; ++i) {
    const std::uint64_t word = (i + seed) * 0x9e3779b97f4a7c15;
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  bytes.resize(size_bytes);
  return bytes;
}

// Gives `good_bytes` bytes and then fails.
class BrokenSource final : public ByteSource {
 public:
  explicit BrokenSource(std::size_t good_bytes) : left_(good_bytes) {}
  Async<std::size_t> read(std::span<char> into) override {
    if (left_ == 0) co_return Error(ErrorKind::cancelled, "the client went away");
    const std::size_t n = std::min(into.size(), left_);
    std::fill_n(into.begin(), n, 'x');
    left_ -= n;
    co_return n;
  }

 private:
  std::size_t left_;
};

// Lends its bytes in blocks of a MiB, from `shift` bytes behind where blocks should begin.
class LendingSource final : public ByteSource {
 public:
  explicit LendingSource(std::string bytes, std::size_t shift = 0) : bytes_(std::move(bytes)), shift_(shift) {}
  Async<std::size_t> read(std::span<char>) override { co_return Error(ErrorKind::internal, "not both ways"); }
  std::optional<std::uint64_t> remaining() const override { return bytes_.size() - at_; }
  bool lends_blocks() const override { return true; }
  Async<std::span<const char>> next_block() override {
    const std::size_t n = std::min(block_bytes, bytes_.size() - at_);
    std::memcpy(block_.get() + shift_, bytes_.data() + at_, n);
    at_ += n;
    co_return std::span<const char>(block_.get() + shift_, n);
  }

 private:
  static constexpr std::size_t block_bytes = 1 << 20;
  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };
  std::string bytes_;
  std::size_t shift_;
  std::size_t at_ = 0;
  std::unique_ptr<char, Free> block_{
      static_cast<char*>(std::aligned_alloc(block_alignment, block_bytes + block_alignment))};
};

class BlobStoreContract : public testing::TestWithParam<BlobStoreMaker> {
 protected:
  BlobStore& store() { return under_test_->store(); }

  BlobInfo put(std::string bytes) {
    StringSource body(std::move(bytes));
    auto info = sync_wait(store().put(body));
    EXPECT_TRUE(info) << info.error().message();
    return info.value_or(BlobInfo{});
  }
  Result<std::string> read(const BlobId& id, ByteRange range) {
    TRY(const auto source, sync_wait(store().open(id, range)));
    EXPECT_EQ(source->remaining(), range.length());
    return sync_wait(read_all(*source, 1 << 30));
  }
  std::vector<BlobInfo> list_all() {
    return sync_wait(store().list({}, clock_.now() + std::chrono::hours(1), 1000)).value();
  }

  FakeClock clock_;
  std::unique_ptr<BlobStoreUnderTest> under_test_ = GetParam()(clock_);
};

TEST_P(BlobStoreContract, ABlobIsReadBackBitForBit) {
  for (const std::size_t size : {1u, 4095u, 65536u, (3u << 20) + 17u}) {
    const std::string bytes = numbered_bytes(size);
    const BlobInfo blob = put(bytes);
    EXPECT_EQ(blob.size_bytes, size);
    EXPECT_TRUE(read(blob.id, {0, size - 1}).value() == bytes) << size;
  }
}

TEST_P(BlobStoreContract, ABlobFromLentBlocksIsReadBackBitForBit) {
  for (const std::size_t shift : {0u, 1u})
    for (const std::size_t size : {0u, 1u, 100'000u, 3u << 20, 6u << 20, (6u << 20) + 4096u, (6u << 20) + 12'345u}) {
      const std::string bytes = numbered_bytes(size);
      LendingSource body(bytes, shift);
      const BlobInfo blob = sync_wait(store().put(body)).value();
      EXPECT_EQ(blob.size_bytes, size);
      if (size > 0) EXPECT_TRUE(read(blob.id, {0, size - 1}).value() == bytes) << size << ' ' << shift;
    }
}

TEST_P(BlobStoreContract, AnEmptyBlobIsABlob) {
  const BlobInfo blob = put("");
  EXPECT_EQ(blob.size_bytes, 0u);
  EXPECT_EQ(list_all().size(), 1u);
  EXPECT_EQ(read(blob.id, {0, 0}).error().kind(), ErrorKind::invalid) << "no byte to read";
}

TEST_P(BlobStoreContract, ARangeIsReadWithBothEndsIncluded) {
  const std::string bytes = numbered_bytes(2 << 20);
  const BlobInfo blob = put(bytes);
  EXPECT_EQ(read(blob.id, {0, 0}).value(), bytes.substr(0, 1));
  EXPECT_EQ(read(blob.id, {12345, 23456}).value(), bytes.substr(12345, 11112));
  EXPECT_EQ(read(blob.id, {bytes.size() - 1, bytes.size() - 1}).value(), bytes.substr(bytes.size() - 1));
  EXPECT_EQ(read(blob.id, {0, bytes.size()}).error().kind(), ErrorKind::invalid);
  EXPECT_EQ(read(blob.id, {5, 4}).error().kind(), ErrorKind::invalid);
}

TEST_P(BlobStoreContract, AnUnknownBlobIsNotFound) {
  EXPECT_EQ(read({"0123456789abcdef0123456789abcdef"}, {0, 0}).error().kind(), ErrorKind::not_found);
  EXPECT_EQ(read({"../../etc/passwd"}, {0, 0}).error().kind(), ErrorKind::not_found);
  EXPECT_EQ(read({""}, {0, 0}).error().kind(), ErrorKind::not_found);
}

TEST_P(BlobStoreContract, RemovingIsIdempotent) {
  const BlobInfo blob = put("bytes");
  EXPECT_TRUE(sync_wait(store().remove(blob.id)));
  EXPECT_TRUE(sync_wait(store().remove(blob.id)));
  EXPECT_EQ(read(blob.id, {0, 0}).error().kind(), ErrorKind::not_found);
}

TEST_P(BlobStoreContract, ABlobRemovedWhileBeingReadIsReadToItsEnd) {
  const std::string bytes = numbered_bytes(3 << 20);
  const BlobInfo blob = put(bytes);
  const auto source = sync_wait(store().open(blob.id, {0, bytes.size() - 1})).value();
  std::string first(100, '\0');
  ASSERT_EQ(sync_wait(source->read(first)), 100u);
  ASSERT_TRUE(sync_wait(store().remove(blob.id)));
  EXPECT_TRUE(first + sync_wait(read_all(*source, 1 << 30)).value() == bytes);
}

TEST_P(BlobStoreContract, ABodyThatFailsLeavesNothing) {
  BrokenSource body(5 << 20);
  const auto put = sync_wait(store().put(body));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind(), ErrorKind::cancelled) << "the body's own error comes back";
  EXPECT_TRUE(list_all().empty());
}

TEST_P(BlobStoreContract, AFileSliceShowsTheSameBytesAsReading) {
  const std::string bytes = numbered_bytes(100'000);
  const BlobInfo blob = put(bytes);
  const auto source = sync_wait(store().open(blob.id, {1000, 50'999})).value();
  const auto slice = source->file_slice();
  if (!slice) GTEST_SKIP() << "blobs of this engine are not local files";
  std::string from_file(slice->length, '\0');
  ASSERT_EQ(::pread(slice->fd, from_file.data(), from_file.size(), static_cast<off_t>(slice->offset)), 50'000);
  EXPECT_TRUE(from_file == bytes.substr(1000, 50'000));
  EXPECT_EQ(sync_wait(source->fetch(*slice)).value(), 50'000u) << "all of it is in memory";
}

TEST_P(BlobStoreContract, ABlobCanBeTheBodyOfAnother) {
  const std::string bytes = numbered_bytes(2'500'000);
  const BlobInfo original = put(bytes);
  const auto source = sync_wait(store().open(original.id, {500'000, 2'499'999})).value();
  const auto copy = sync_wait(store().put(*source)).value();
  EXPECT_EQ(copy.size_bytes, 2'000'000u);
  EXPECT_TRUE(read(copy.id, {0, 1'999'999}).value() == bytes.substr(500'000));
}

TEST_P(BlobStoreContract, ListsAreInIdOrderPagedAndOnlyOlderBlobs) {
  std::set<BlobId> old_ids;
  for (int i = 0; i < 7; ++i) old_ids.insert(put("old").id);
  clock_.advance(std::chrono::hours(2));
  const TimePoint between = clock_.now() - std::chrono::hours(1);
  put("new");

  std::vector<BlobId> listed;
  for (BlobId after;;) {
    const auto page = sync_wait(store().list(after, between, 3)).value();
    if (page.empty()) break;
    EXPECT_LE(page.size(), 3u);
    for (const BlobInfo& blob : page) {
      EXPECT_EQ(blob.size_bytes, 3u);
      listed.push_back(blob.id);
    }
    after = listed.back();
  }
  EXPECT_EQ(listed, std::vector<BlobId>(old_ids.begin(), old_ids.end()));
}

TEST_P(BlobStoreContract, ConcurrentPutsAreKeptApart) {
  constexpr int thread_count = 4, blob_count = 8;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < thread_count; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < blob_count; ++i) {
          const std::string bytes =
              numbered_bytes(100'000 + static_cast<std::size_t>(i), static_cast<std::uint64_t>(t));
          const BlobInfo blob = put(bytes);
          EXPECT_TRUE(read(blob.id, {0, bytes.size() - 1}).value() == bytes);
        }
      });
  }
  EXPECT_EQ(list_all().size(), static_cast<std::size_t>(thread_count * blob_count));
}

TEST_P(BlobStoreContract, BlobsSurviveReopening) {
  const std::string bytes = numbered_bytes(1'000'000);
  const BlobInfo blob = put(bytes);
  if (!under_test_->reopen()) GTEST_SKIP() << "nothing survives closing this engine";
  EXPECT_TRUE(read(blob.id, {0, bytes.size() - 1}).value() == bytes);
  EXPECT_NE(put("another").id, blob.id);
}

TEST_P(BlobStoreContract, ClearRemovesEverything) {
  const BlobInfo blob = put("bytes");
  ASSERT_TRUE(sync_wait(store().clear()));
  EXPECT_TRUE(list_all().empty());
  EXPECT_EQ(read(blob.id, {0, 0}).error().kind(), ErrorKind::not_found);
  EXPECT_EQ(put("again").size_bytes, 5u);
}

}  // namespace hearth
