// What every MetadataStore promises, as tests. An engine's *_test.cpp includes this once and says
//   INSTANTIATE_TEST_SUITE_P(RocksDb, MetadataStoreContract, testing::Values(MetadataStoreMaker(make_rocksdb)));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/key.h"
#include "ports/metadata_store.h"

namespace hearth {

// A fresh, empty store and whatever it stands on.
class MetadataStoreUnderTest {
 public:
  virtual ~MetadataStoreUnderTest() = default;
  virtual MetadataStore& store() = 0;
  // Closes and opens the store on the same bytes. False if nothing survives closing.
  virtual bool reopen() { return false; }
};
using MetadataStoreMaker = std::function<std::unique_ptr<MetadataStoreUnderTest>()>;

class MetadataStoreContract : public testing::TestWithParam<MetadataStoreMaker> {
 protected:
  MetadataStore& store() { return under_test_->store(); }

  void put(std::string_view key, std::string value) {
    auto tx = store().begin();
    tx->put(key, std::move(value));
    const auto committed = sync_wait(store().commit(std::move(tx)));
    ASSERT_TRUE(committed) << committed.error().message();
  }
  void remove(std::string_view key) {
    auto tx = store().begin();
    tx->remove(key);
    ASSERT_TRUE(sync_wait(store().commit(std::move(tx))));
  }
  std::optional<std::string> get(std::string_view key) { return sync_wait(store().get(key)).value(); }
  static std::optional<std::string> get(Transaction& tx, std::string_view key) {
    return sync_wait(tx.get(key)).value();
  }
  static std::string keys_of(const std::vector<KeyValue>& rows) {
    std::string keys;
    for (const KeyValue& row : rows) keys += row.key + " ";
    return keys;
  }
  std::string scan(KeyRange range, std::size_t limit = 100, bool reverse = false) {
    return keys_of(sync_wait(store().scan(std::move(range), limit, reverse)).value());
  }
  static std::string scan(Transaction& tx, KeyRange range, std::size_t limit = 100, bool reverse = false) {
    return keys_of(sync_wait(tx.scan(std::move(range), limit, reverse)).value());
  }
  bool commits(std::unique_ptr<Transaction> tx) {
    const auto committed = sync_wait(store().commit(std::move(tx)));
    if (!committed) EXPECT_EQ(committed.error().kind(), ErrorKind::conflict) << committed.error().message();
    return committed.has_value();
  }

  std::unique_ptr<MetadataStoreUnderTest> under_test_ = GetParam()();
};

TEST_P(MetadataStoreContract, WhatWasPutIsReadUntilItIsRemoved) {
  EXPECT_EQ(get("cat"), std::nullopt);
  put("cat", "meow");
  EXPECT_EQ(get("cat"), "meow");
  put("cat", "purr");
  EXPECT_EQ(get("cat"), "purr");
  remove("cat");
  EXPECT_EQ(get("cat"), std::nullopt);
  remove("cat");
}

TEST_P(MetadataStoreContract, KeysAndValuesMayHoldAnyBytes) {
  const std::string key("\0\xff\0 key", 7), value("\0\xff\n", 3);
  put(key, value);
  put(std::string("\0", 1), "");
  EXPECT_EQ(get(key), value);
  EXPECT_EQ(get(std::string("\0", 1)), "");
  EXPECT_EQ(get(std::string("\0\0", 2)), std::nullopt);
}

TEST_P(MetadataStoreContract, LargeKeysAndValuesAreKept) {
  const std::string key(10'000, 'k'), value(4 << 20, 'v');
  put(key, value);
  EXPECT_EQ(get(key), value);
}

TEST_P(MetadataStoreContract, ScansAreInByteOrderInsideTheRange) {
  for (const char* key : {"b", "a", "c", "b1", "\xff", "B"}) put(key, "");
  EXPECT_EQ(scan({"", ""}), "B a b b1 c \xff ");
  EXPECT_EQ(scan({"a", "b1"}), "a b ");
  EXPECT_EQ(scan({"a", "b1"}, 1), "a ");
  EXPECT_EQ(scan({"a", "c"}, 100, true), "b1 b a ");
  EXPECT_EQ(scan({"", ""}, 2, true), "\xff c ");
  EXPECT_EQ(scan(KeyRange::prefix("b")), "b b1 ");
  EXPECT_EQ(scan(KeyRange::prefix("\xff")), "\xff ");
  EXPECT_EQ(scan({"c", "a"}), "");
  EXPECT_EQ(scan({"a", "a"}), "");
  EXPECT_EQ(scan({"", ""}, 0), "");
}

TEST_P(MetadataStoreContract, ATransactionSeesItsOwnWrites) {
  for (const char* key : {"a", "b", "c", "d"}) put(key, "old");
  auto tx = store().begin();
  tx->remove("b");
  tx->put("bb", "new");
  tx->put("d", "new");
  EXPECT_EQ(get(*tx, "b"), std::nullopt);
  EXPECT_EQ(get(*tx, "d"), "new");
  EXPECT_EQ(scan(*tx, {"", ""}), "a bb c d ");
  EXPECT_EQ(scan(*tx, {"", ""}, 2), "a bb ");
  EXPECT_EQ(scan(*tx, {"", ""}, 3, true), "d c bb ");
  EXPECT_EQ(scan({"", ""}), "a b c d ") << "and nobody else does before it commits";
}

TEST_P(MetadataStoreContract, ATransactionSeesTheStateAtItsBeginOnly) {
  put("a", "1");
  auto tx = store().begin();
  put("a", "2");
  put("b", "2");
  EXPECT_EQ(get(*tx, "a"), "1");
  EXPECT_EQ(get(*tx, "b"), std::nullopt);
  EXPECT_EQ(scan(*tx, {"", ""}), "a ");
  remove("a");
  EXPECT_EQ(get(*tx, "a"), "1");
  EXPECT_TRUE(commits(std::move(tx))) << "a transaction that only reads saw one state and never conflicts";
}

TEST_P(MetadataStoreContract, AnAbandonedTransactionLeavesNothing) {
  {
    auto tx = store().begin();
    tx->put("ghost", "boo");
  }
  EXPECT_EQ(get("ghost"), std::nullopt);
}

TEST_P(MetadataStoreContract, TheSecondOfTwoUpdatesOfOneRowConflicts) {
  put("n", "0");
  auto first = store().begin(), second = store().begin();
  EXPECT_EQ(get(*first, "n"), get(*second, "n"));
  first->put("n", "1");
  second->put("n", "1");
  EXPECT_TRUE(commits(std::move(first)));
  EXPECT_FALSE(commits(std::move(second)));
}

TEST_P(MetadataStoreContract, WriteSkewConflicts) {
  put("doctor-a", "on call");
  put("doctor-b", "on call");
  auto a = store().begin(), b = store().begin();
  EXPECT_EQ(get(*a, "doctor-b"), "on call");
  EXPECT_EQ(get(*b, "doctor-a"), "on call");
  a->put("doctor-a", "home");
  b->put("doctor-b", "home");
  EXPECT_TRUE(commits(std::move(a)));
  EXPECT_FALSE(commits(std::move(b)));
}

TEST_P(MetadataStoreContract, ReadingAMissingRowConflictsWithItsCreation) {
  auto tx = store().begin();
  EXPECT_EQ(get(*tx, "name"), std::nullopt);
  tx->put("name", "mine");
  put("name", "theirs");
  EXPECT_FALSE(commits(std::move(tx)));
  EXPECT_EQ(get("name"), "theirs");
}

TEST_P(MetadataStoreContract, APhantomInAScannedRangeConflicts) {
  put("seat-1", "");
  auto tx = store().begin();
  EXPECT_EQ(scan(*tx, KeyRange::prefix("seat-")), "seat-1 ");
  tx->put("count", "1");
  put("seat-2", "");
  EXPECT_FALSE(commits(std::move(tx)));
}

TEST_P(MetadataStoreContract, ADisappearanceFromAScannedRangeConflicts) {
  put("seat-1", "");
  auto tx = store().begin();
  EXPECT_EQ(scan(*tx, KeyRange::prefix("seat-"), 10, true), "seat-1 ");
  tx->put("count", "1");
  remove("seat-1");
  EXPECT_FALSE(commits(std::move(tx)));
}

TEST_P(MetadataStoreContract, WritesBehindALimitedScanDoNotConflict) {
  for (const char* key : {"a", "b", "c"}) put(key, "");
  auto forwards = store().begin(), backwards = store().begin();
  EXPECT_EQ(scan(*forwards, {"", ""}, 1), "a ");
  EXPECT_EQ(scan(*backwards, {"", ""}, 1, true), "c ");
  forwards->put("x-forwards", "");
  backwards->put("0-backwards", "");
  put("b", "changed");
  EXPECT_TRUE(commits(std::move(forwards)));
  EXPECT_FALSE(commits(std::move(backwards))) << "the row x-forwards came before c in its order";
}

TEST_P(MetadataStoreContract, TransactionsThatTouchDifferentRowsDoNotConflict) {
  auto a = store().begin(), b = store().begin();
  EXPECT_EQ(get(*a, "a"), std::nullopt);
  EXPECT_EQ(get(*b, "b"), std::nullopt);
  a->put("a", "1");
  b->put("b", "1");
  EXPECT_TRUE(commits(std::move(a)));
  EXPECT_TRUE(commits(std::move(b)));
}

TEST_P(MetadataStoreContract, BlindWritesDoNotConflict) {
  auto a = store().begin(), b = store().begin();
  a->put("a", "first");
  b->put("a", "second");
  EXPECT_TRUE(commits(std::move(a)));
  EXPECT_TRUE(commits(std::move(b)));
  EXPECT_EQ(get("a"), "second");
}

TEST_P(MetadataStoreContract, TransactRunsTheBodyAgainOnConflict) {
  put("n", "0");
  int run_count = 0;
  const TransactionBody add_one = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto old, co_await tx.get("n"));
    if (++run_count == 1) put("n", "10");
    tx.put("n", std::to_string(std::stoi(*old) + 1));
    co_return ok;
  };
  ASSERT_TRUE(sync_wait(transact(store(), add_one)));
  EXPECT_EQ(run_count, 2);
  EXPECT_EQ(get("n"), "11");
}

TEST_P(MetadataStoreContract, ConcurrentIncrementsAreAllCounted) {
  constexpr int thread_count = 4, increment_count = 50;
  put("n", "0");
  const TransactionBody add_one = [](Transaction& tx) -> Async<void> {
    CO_TRY(const auto old, co_await tx.get("n"));
    tx.put("n", std::to_string(std::stoi(*old) + 1));
    co_return ok;
  };
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < thread_count; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < increment_count; ++i) EXPECT_TRUE(sync_wait(transact(store(), add_one))) << "starved";
      });
  }
  EXPECT_EQ(get("n"), std::to_string(thread_count * increment_count));
}

// Money moves between accounts while readers add it up: any torn or skewed state changes the sum.
TEST_P(MetadataStoreContract, ConcurrentTransfersKeepTheSum) {
  constexpr int account_count = 5, thread_count = 4, transfer_count = 50;
  const auto account = [](int i) { return "account-" + std::to_string(i % account_count); };
  for (int i = 0; i < account_count; ++i) put(account(i), "100");
  const auto sum = [](const std::vector<KeyValue>& rows) {
    int total = 0;
    for (const KeyValue& row : rows) total += std::stoi(row.value);
    return total;
  };
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < thread_count; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < transfer_count; ++i) {
          const std::string from = account(t + i), to = account(t + i * 3 + 1);
          const TransactionBody move_one = [&](Transaction& tx) -> Async<void> {
            if (from == to) co_return ok;
            CO_TRY(const auto source, co_await tx.get(from));
            CO_TRY(const auto target, co_await tx.get(to));
            tx.put(from, std::to_string(std::stoi(*source) - 1));
            tx.put(to, std::to_string(std::stoi(*target) + 1));
            co_return ok;
          };
          (void)sync_wait(transact(store(), move_one));
          EXPECT_EQ(sum(*sync_wait(store().scan(KeyRange::prefix("account-"), 100))), 100 * account_count);
        }
      });
  }
  EXPECT_EQ(sum(*sync_wait(store().scan(KeyRange::prefix("account-"), 100))), 100 * account_count);
}

TEST_P(MetadataStoreContract, AcknowledgedCommitsSurviveReopening) {
  for (int i = 0; i < 100; ++i) put("k" + std::to_string(i), std::string(1000, 'x'));
  remove("k7");
  if (!under_test_->reopen()) GTEST_SKIP() << "nothing survives closing this engine";
  for (int i = 0; i < 100; ++i) EXPECT_EQ(get("k" + std::to_string(i)).has_value(), i != 7) << i;
  put("after", "reopening");
  EXPECT_EQ(get("after"), "reopening");
}

TEST_P(MetadataStoreContract, ClearingAnEmptyStoreDisturbsNobodyWhoComesLater) {
  ASSERT_TRUE(sync_wait(store().clear()));
  auto tx = store().begin();
  EXPECT_EQ(get(*tx, "a"), std::nullopt);
  tx->put("a", "1");
  EXPECT_TRUE(commits(std::move(tx)));
}

TEST_P(MetadataStoreContract, ClearRemovesEverythingAndConflictsWithOlderReaders) {
  put("a", "1");
  auto tx = store().begin();
  EXPECT_EQ(get(*tx, "a"), "1");
  tx->put("b", "made of a");
  ASSERT_TRUE(sync_wait(store().clear()));
  EXPECT_EQ(scan({"", ""}), "");
  EXPECT_FALSE(commits(std::move(tx)));
  put("a", "2");
  EXPECT_EQ(get("a"), "2");
}

}  // namespace hearth
