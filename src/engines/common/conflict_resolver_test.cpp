#include "engines/common/conflict_resolver.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

WriteSet writes_to(const std::string& key) {
  return {{key, "value"}};
}

TEST(ConflictResolver, AReadConflictsOnlyWithLaterWritesToTheSameKey) {
  ConflictResolver resolver;
  resolver.record(1, writes_to("a"));
  resolver.record(2, writes_to("b"));
  EXPECT_TRUE(resolver.conflicts({.version = 1, .keys = {"b"}}));
  EXPECT_FALSE(resolver.conflicts({.version = 1, .keys = {"a"}}));
  EXPECT_FALSE(resolver.conflicts({.version = 2, .keys = {"a", "b"}}));
}

TEST(ConflictResolver, ARangeConflictsWithAKeyThatAppearedInIt) {
  ConflictResolver resolver;
  resolver.record(1, writes_to("m"));
  EXPECT_TRUE(resolver.conflicts({.version = 0, .ranges = {{"a", "z"}}}));
  EXPECT_TRUE(resolver.conflicts({.version = 0, .ranges = {{"m", ""}}}));
  EXPECT_FALSE(resolver.conflicts({.version = 0, .ranges = {{"a", "m"}}}));
}

TEST(ConflictResolver, WhoeverReadBeforeTheWindowConflicts) {
  ConflictResolver resolver(1000);
  for (CommitVersion version = 1; version <= 100; ++version)
    resolver.record(version, writes_to("k" + std::to_string(version)));
  EXPECT_TRUE(resolver.conflicts({.version = 1, .keys = {"never written"}}));
  EXPECT_FALSE(resolver.conflicts({.version = 99, .keys = {"never written"}}));
  EXPECT_TRUE(resolver.conflicts({.version = 99, .keys = {"k100"}}));
  EXPECT_FALSE(resolver.conflicts({.version = 1})) << "blind writes depend on nothing";
}

TEST(ConflictResolver, RewritingOneKeyKeepsTheWindowBounded) {
  ConflictResolver resolver(10'000);
  for (CommitVersion version = 1; version <= 10'000; ++version) resolver.record(version, writes_to("hot"));
  EXPECT_TRUE(resolver.conflicts({.version = 9'999, .keys = {"hot"}}));
  EXPECT_FALSE(resolver.conflicts({.version = 10'000, .keys = {"hot"}}));
}

}  // namespace
}  // namespace hearth
