#include "base/cancellation.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Cancellation, RunsWhatIsRegisteredOnce) {
  const auto cancellation = std::make_shared<Cancellation>();
  int run_count = 0;
  const auto registration = cancellation->on_cancel([&] { ++run_count; });
  EXPECT_FALSE(cancellation->is_cancelled());
  cancellation->cancel();
  cancellation->cancel();
  EXPECT_TRUE(cancellation->is_cancelled());
  EXPECT_EQ(run_count, 1);
}

TEST(Cancellation, WhatIsForgottenDoesNotRun) {
  const auto cancellation = std::make_shared<Cancellation>();
  int run_count = 0;
  {
    auto registration = cancellation->on_cancel([&] { ++run_count; });
    const auto moved = std::move(registration);
  }
  cancellation->cancel();
  EXPECT_EQ(run_count, 0);
}

TEST(Cancellation, ALateComerIsToldAtOnce) {
  const auto cancellation = std::make_shared<Cancellation>();
  cancellation->cancel();
  bool told = false;
  const auto registration = cancellation->on_cancel([&] { told = true; });
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace hearth
