#include <gtest/gtest.h>

#include "engines/memory/blob_store.h"
#include "engines/memory/instance_runtime.h"
#include "engines/memory/metadata_store.h"
#include "engines/memory/telemetry_store.h"

namespace hearth {
namespace {

TEST(MemoryInstanceRuntime, AnInstanceThatExitsIsObservedWithItsExitCode) {
  FakeClock clock;
  MemoryInstanceRuntime runtime(clock);
  ASSERT_TRUE(sync_wait(runtime.start({.id = "i-1"})));
  ASSERT_TRUE(sync_wait(runtime.start({.id = "i-1"}))) << "starting a running instance succeeds";
  EXPECT_EQ(runtime.start_count(), 1);
  runtime.finish("i-1", 137, "killed: out of memory");
  const auto observed = sync_wait(runtime.observe());
  ASSERT_EQ(observed->size(), 1u);
  EXPECT_EQ(observed->front().state, RunState::exited);
  EXPECT_EQ(observed->front().exit_code, 137);
}

}  // namespace
}  // namespace hearth
