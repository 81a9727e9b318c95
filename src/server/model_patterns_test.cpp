// What every service has in common, seen from the one room that links them all.
#include <gtest/gtest.h>

#include "api/all_services.h"
#include "wire/patterns.h"

namespace hearth::server {
namespace {

TEST(ModelPatterns, EveryPatternOfAServedOperationCompiles) {
  EXPECT_FALSE(wire::pattern_compiles("(unclosed"));
  std::size_t count = 0;
  for (const wire::ServiceSchema* schema : api::all_services)
    for (const std::string_view pattern : wire::patterns(*schema)) {
      EXPECT_TRUE(wire::pattern_compiles(pattern)) << schema->name << ": " << pattern;
      ++count;
    }
  EXPECT_GT(count, 100u);
}

}  // namespace
}  // namespace hearth::server
