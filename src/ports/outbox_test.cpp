#include "ports/outbox.h"

#include <gtest/gtest.h>

#include "engines/memory/metadata_store.h"

namespace hearth {
namespace {

class OutboxTest : public testing::Test {
 protected:
  // Commits a change that emits these events.
  void commit(StoredOutbox& outbox, std::vector<DomainEvent> events) {
    auto tx = store_.begin();
    for (DomainEvent& event : events) outbox.emit(*tx, std::move(event));
    ASSERT_TRUE(sync_wait(store_.commit(std::move(tx))));
  }
  void subscribe(StoredOutbox& outbox, const std::string& topic) {
    outbox.subscribe(topic, [this](const DomainEvent& event) { return take(event); });
  }
  Async<void> take(const DomainEvent& event) {
    if (failing_keys_.contains(event.key)) co_return Error(ErrorKind::unavailable, "not now");
    seen_ += event.key + ":" + event.payload + " ";
    co_return ok;
  }
  std::string deliver(StoredOutbox& outbox) {
    seen_.clear();
    EXPECT_TRUE(outbox.deliver_due());
    return seen_;
  }
  std::size_t pending_count() { return sync_wait(store_.scan({"", ""}, 1000))->size(); }

  FakeClock clock_;
  MemoryMetadataStore store_;
  std::set<std::string> failing_keys_;
  std::string seen_;
};

TEST_F(OutboxTest, EventsOfOneKeyArriveOnceAndInOrder) {
  StoredOutbox outbox(store_, clock_);
  subscribe(outbox, "state");
  for (int i = 0; i < 12; ++i) commit(outbox, {{"state", "i-1", std::to_string(i)}});
  EXPECT_EQ(deliver(outbox), "i-1:0 i-1:1 i-1:2 i-1:3 i-1:4 i-1:5 i-1:6 i-1:7 i-1:8 i-1:9 i-1:10 i-1:11 ");
  EXPECT_EQ(deliver(outbox), "");
  EXPECT_EQ(pending_count(), 0u);
}

TEST_F(OutboxTest, AnEventOfAnAbandonedTransactionIsNeverDelivered) {
  StoredOutbox outbox(store_, clock_);
  subscribe(outbox, "state");
  {
    auto tx = store_.begin();
    outbox.emit(*tx, {"state", "i-1", "x"});
  }
  EXPECT_EQ(deliver(outbox), "");
}

TEST_F(OutboxTest, AKeyThatFailsHoldsOnlyItselfBack) {
  StoredOutbox outbox(store_, clock_, {.retry_delay_first = std::chrono::seconds(1)});
  subscribe(outbox, "state");
  commit(outbox, {{"state", "bad", "1"}, {"state", "bad", "2"}, {"state", "good", "1"}});
  failing_keys_ = {"bad"};
  EXPECT_EQ(deliver(outbox), "good:1 ");
  failing_keys_.clear();
  EXPECT_EQ(deliver(outbox), "") << "not before its delay has passed";
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(deliver(outbox), "bad:1 bad:2 ");
}

TEST_F(OutboxTest, AnEventThatCannotBeDeliveredIsGivenUpAfterItsAttempts) {
  StoredOutbox outbox(store_, clock_, {.attempt_count_max = 3});
  subscribe(outbox, "state");
  commit(outbox, {{"state", "bad", "1"}});
  failing_keys_ = {"bad"};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(pending_count(), 1u);
    deliver(outbox);
    clock_.advance(std::chrono::hours(1));
  }
  EXPECT_EQ(pending_count(), 0u);
}

TEST_F(OutboxTest, WhatWasNotDeliveredIsDeliveredAfterARestartBeforeNewerEvents) {
  {
    StoredOutbox before(store_, clock_);
    commit(before, {{"state", "i-1", "1"}, {"state", "i-1", "2"}});
  }
  StoredOutbox after(store_, clock_);
  ASSERT_TRUE(sync_wait(after.open()));
  subscribe(after, "state");
  commit(after, {{"state", "i-1", "3"}});
  EXPECT_EQ(deliver(after), "i-1:1 i-1:2 i-1:3 ");
}

TEST_F(OutboxTest, MoreEventsThanAPageAreAllDelivered) {
  StoredOutbox outbox(store_, clock_);
  subscribe(outbox, "state");
  std::vector<DomainEvent> events;
  for (int i = 0; i < 700; ++i) events.push_back({"state", "stuck", "x"});
  for (int i = 0; i < 300; ++i) events.push_back({"state", "tail", "x"});
  commit(outbox, std::move(events));
  failing_keys_ = {"stuck"};
  EXPECT_EQ(deliver(outbox).size(), 300 * std::string("tail:x ").size());
  EXPECT_EQ(pending_count(), 700u);
}

TEST_F(OutboxTest, AnEventNobodyWantsIsDropped) {
  StoredOutbox outbox(store_, clock_);
  commit(outbox, {{"nobody", "k", "x"}});
  EXPECT_EQ(deliver(outbox), "");
  EXPECT_EQ(pending_count(), 0u);
}

TEST_F(OutboxTest, TheBackgroundLoopDeliversByItself) {
  StoredOutbox outbox(store_, clock_);
  std::mutex mutex;
  std::condition_variable delivered;
  bool is_delivered = false;
  outbox.subscribe("state", [&](const DomainEvent& event) {
    std::lock_guard lock(mutex);
    is_delivered = true;
    delivered.notify_one();
    return take(event);
  });
  outbox.start_deliveries();
  commit(outbox, {{"state", "i-1", "1"}});
  outbox.wake();
  std::unique_lock lock(mutex);
  EXPECT_TRUE(delivered.wait_for(lock, std::chrono::seconds(10), [&] { return is_delivered; }));
}

}  // namespace
}  // namespace hearth
