#include "services/sagemaker/invocation_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engines/faulty/faulty.h"
#include "engines/memory/metadata_store.h"
#include "services/sagemaker/sagemaker_fixture.h"

namespace hearth::sagemaker {
namespace {

InvocationRow cancelled_call(std::string event_id) {
  InvocationRow row;
  row.event_id = std::move(event_id);
  row.account_id = "111122223333";
  row.region = "us-east-1";
  row.endpoint_name = "chat";
  row.cancelled = true;
  return row;
}

TEST(InvocationLog, CallsWhoseClientsLeftAreKeptWhenTheStoreFails) {
  MemoryMetadataStore memory;
  FaultPlan plan;
  FaultyMetadataStore store(memory, plan);
  FakeSinks sinks;
  FakeClock clock;
  SequenceIds ids;
  InvocationLog log(store, sinks, sinks, sinks, clock, ids);
  log.record_later(cancelled_call("first"));
  log.record_later(cancelled_call("second"));
  plan.fail_always();
  EXPECT_FALSE(sync_wait(log.deliver()));
  plan.fail_call(0);
  EXPECT_TRUE(sync_wait(log.deliver()));
  std::size_t line_count = 0;
  for (const auto& [group, lines] : sinks.log_lines) line_count += lines.size();
  EXPECT_EQ(line_count, 2u);
}

}  // namespace
}  // namespace hearth::sagemaker
