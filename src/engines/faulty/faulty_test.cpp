#include "engines/faulty/faulty.h"

#include <gtest/gtest.h>

#include "engines/memory/metadata_store.h"
#include "ports/metadata_store_contract.h"

namespace hearth {
namespace {

// With nothing planned a decorated store is the store.
struct Decorated final : MetadataStoreUnderTest {
  MetadataStore& store() override { return faulty; }
  MemoryMetadataStore memory;
  FaultPlan plan;
  FaultyMetadataStore faulty{memory, plan};
};
std::unique_ptr<MetadataStoreUnderTest> make_decorated() {
  return std::make_unique<Decorated>();
}
INSTANTIATE_TEST_SUITE_P(Faulty, MetadataStoreContract, testing::Values(MetadataStoreMaker(make_decorated)));

const TransactionBody count_up = [](Transaction& tx) -> Async<void> {
  CO_TRY(const auto old, co_await tx.get("n"));
  tx.put("n", std::to_string(old ? std::stoi(*old) + 1 : 1));
  co_return ok;
};

TEST(FaultPlan, EachSingleFailureOfAnOperationIsVisitedOnce) {
  Decorated store;
  int failure_count = 0;
  for (int n = 1;; ++n) {
    store.plan.fail_call(n);
    const Result<void> done = sync_wait(transact(store.faulty, count_up));
    EXPECT_EQ(done.has_value(), !store.plan.has_failed());
    if (!store.plan.has_failed()) break;
    ++failure_count;
    EXPECT_EQ(sync_wait(store.memory.get("n")).value(), std::nullopt) << "what failed did not happen";
  }
  EXPECT_EQ(failure_count, 2) << "the read and the commit";
  EXPECT_EQ(sync_wait(store.memory.get("n")).value(), "1");
}

TEST(FaultPlan, AnAnswerMayBeLostAfterTheChangeHappened) {
  Decorated store;
  store.plan.fail_call(2, Error(ErrorKind::unavailable, "connection lost"), FaultPlan::Moment::after);
  EXPECT_FALSE(sync_wait(transact(store.faulty, count_up)));
  EXPECT_EQ(sync_wait(store.memory.get("n")).value(), "1");
}

TEST(FaultPlan, AConflictOnPurposeIsRunAgain) {
  Decorated store;
  store.plan.fail_call(2, Error(ErrorKind::conflict, "somebody was faster"));
  EXPECT_TRUE(sync_wait(transact(store.faulty, count_up)));
  EXPECT_EQ(store.plan.call_count(), 4);
}

}  // namespace
}  // namespace hearth
