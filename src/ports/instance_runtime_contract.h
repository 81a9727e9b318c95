// What every InstanceRuntime must do, whatever it runs on. An engine instantiates it with a factory:
//   INSTANTIATE_TEST_SUITE_P(Memory, InstanceRuntimeContract, testing::Values(&open_memory_runtime));
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/async.h"
#include "ports/instance_runtime.h"

namespace hearth {

// EXPECT_TRUE of a Result that says why not.
template <class T>
testing::AssertionResult succeeded(const Result<T>& result) {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure() << result.error().message() << ": " << result.error().detail();
}

// Ids and addresses of machines that two runs of a test program on one host do not share.
inline std::string test_instance_id(int number) {
  char id[32];
  std::snprintf(id, sizeof id, "i-%012x%05d", static_cast<unsigned>(::getpid()), number);
  return id;
}
inline std::string test_instance_address(int last_byte) {
  const auto pid = static_cast<unsigned>(::getpid());
  return "172." + std::to_string(16 + pid / 250 % 16) + "." + std::to_string(pid % 250) + "." +
         std::to_string(last_byte);
}

class InstanceRuntimeContract : public testing::TestWithParam<std::unique_ptr<InstanceRuntime> (*)()> {
 protected:
  void SetUp() override {
    runtime_ = GetParam()();
    if (!runtime_) GTEST_SKIP() << "this engine cannot run here; its own tests say why";
  }
  void TearDown() override {
    if (runtime_)
      for (const int number : {1, 2}) (void)sync_wait(runtime_->remove(test_instance_id(number)));
  }
  static InstanceSpec spec(int number = 1) {
    InstanceSpec spec;
    spec.id = test_instance_id(number);
    spec.hostname = "ip-172-31-250-" + std::to_string(number);
    spec.memory_bytes = 256 << 20;
    spec.root_volume_bytes = 256 << 20;
    spec.private_address = test_instance_address(number);
    spec.mac_address = "02:00:ac:1f:fa:0" + std::to_string(number);
    return spec;
  }
  RunState state(const std::string& id) {
    const auto observed = sync_wait(runtime_->observe());
    if (!observed) return RunState::absent;
    const auto found = std::ranges::find(*observed, id, &ObservedInstance::id);
    return found == observed->end() ? RunState::absent : found->state;
  }
  std::unique_ptr<InstanceRuntime> runtime_;
};

TEST_P(InstanceRuntimeContract, AStartedInstanceRuns) {
  ASSERT_TRUE(succeeded(sync_wait(runtime_->start(spec()))));
  EXPECT_EQ(state(spec().id), RunState::running);
}

TEST_P(InstanceRuntimeContract, StartingARunningInstanceChangesNothing) {
  ASSERT_TRUE(succeeded(sync_wait(runtime_->start(spec()))));
  const auto before = sync_wait(runtime_->observe());
  ASSERT_TRUE(succeeded(sync_wait(runtime_->start(spec()))));
  const auto after = sync_wait(runtime_->observe());
  ASSERT_TRUE(before && after && before->size() == 1 && after->size() == 1);
  EXPECT_EQ(before->front().started_at, after->front().started_at);
}

TEST_P(InstanceRuntimeContract, AStoppedInstanceIsKnownAndStartsAgain) {
  ASSERT_TRUE(succeeded(sync_wait(runtime_->start(spec()))));
  ASSERT_TRUE(succeeded(sync_wait(runtime_->stop(spec().id, std::chrono::seconds(10)))));
  EXPECT_EQ(state(spec().id), RunState::exited);
  EXPECT_TRUE(succeeded(sync_wait(runtime_->stop(spec().id, std::chrono::seconds(10))))) << "stopping twice succeeds";
  ASSERT_TRUE(succeeded(sync_wait(runtime_->start(spec()))));
  EXPECT_EQ(state(spec().id), RunState::running);
}

TEST_P(InstanceRuntimeContract, ARemovedInstanceIsGone) {
  ASSERT_TRUE(succeeded(sync_wait(runtime_->start(spec()))));
  ASSERT_TRUE(succeeded(sync_wait(runtime_->remove(spec().id))));
  EXPECT_EQ(state(spec().id), RunState::absent);
  EXPECT_TRUE(succeeded(sync_wait(runtime_->remove(spec().id)))) << "removing twice succeeds";
  const auto console = sync_wait(runtime_->console(spec().id, 0, 100));
  ASSERT_FALSE(console);
  EXPECT_EQ(console.error().kind(), ErrorKind::not_found);
}

TEST_P(InstanceRuntimeContract, WhatIsNotThereIsNotFound) {
  for (const auto& error :
       {sync_wait(runtime_->stop("i-nobody", std::chrono::seconds(1))).error(),
        sync_wait(runtime_->usage("i-nobody")).error(), sync_wait(runtime_->console("i-nobody", 0, 1)).error(),
        sync_wait(runtime_->set_firewall("i-nobody", {}, {})).error(),
        sync_wait(runtime_->open_listener("i-nobody", "169.254.169.254", 80)).error()})
    EXPECT_EQ(error.kind(), ErrorKind::not_found) << error.message();
}

TEST_P(InstanceRuntimeContract, InstancesAreToldApart) {
  ASSERT_TRUE(succeeded(sync_wait(runtime_->start(spec()))));
  ASSERT_TRUE(succeeded(sync_wait(runtime_->start(spec(2)))));
  ASSERT_TRUE(succeeded(sync_wait(runtime_->remove(spec().id))));
  EXPECT_EQ(state(spec().id), RunState::absent);
  EXPECT_EQ(state(spec(2).id), RunState::running);
}

TEST_P(InstanceRuntimeContract, UsageKnowsTheMemoryLimit) {
  ASSERT_TRUE(succeeded(sync_wait(runtime_->start(spec()))));
  const auto usage = sync_wait(runtime_->usage(spec().id));
  ASSERT_TRUE(usage) << usage.error().message();
  EXPECT_EQ(usage->memory_limit_bytes, spec().memory_bytes);
}

}  // namespace hearth
