#include "cli/log_follower.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hearth::cli {
namespace {

// A log group that answers as FilterLogEvents does: by time, oldest first.
struct FakeGroup {
  std::vector<LogFollower::Event> events;
  int look_count = 0;

  void add(std::int64_t timestamp_ms, const std::string& message, const std::string& stream = "a") {
    LogFollower::Event event;
    event.timestamp = timestamp_ms;
    event.log_stream_name = stream;
    event.event_id = std::to_string(timestamp_ms) + std::to_string(events.size());
    event.message = message;
    events.push_back(event);
  }
  LogFollower::Fetch fetch() {
    return [this](const LogQuery& query) -> Result<std::vector<LogFollower::Event>> {
      ++look_count;
      std::vector<LogFollower::Event> found;
      for (const auto& event : events)
        if (*event.timestamp >= query.start_ms) found.push_back(event);
      std::ranges::stable_sort(found, {}, [](const auto& event) { return *event.timestamp; });
      return found;
    };
  }
};

std::string messages(LogFollower& follower) {
  const auto events = follower.next();
  std::string text;
  for (const auto& event : *events) text += *event.message + " ";
  return text;
}

TEST(LogFollower, ShowsEachEventOnce) {
  FakeGroup group;
  LogFollower follower({.group = "g"}, group.fetch());
  group.add(1'000, "one");
  group.add(1'000, "two");
  EXPECT_EQ(messages(follower), "one two ");
  EXPECT_EQ(messages(follower), "");
  group.add(1'000, "three");
  EXPECT_EQ(messages(follower), "three ") << "an event of the same millisecond is another event";
}

TEST(LogFollower, AnEventThatComesLateIsNotLost) {
  FakeGroup group;
  LogFollower follower({.group = "g"}, group.fetch());
  group.add(100'000, "new");
  EXPECT_EQ(messages(follower), "new ");
  group.add(80'000, "late", "b");
  EXPECT_EQ(messages(follower), "late ");
  EXPECT_EQ(messages(follower), "");
}

TEST(LogFollower, NothingBeforeTheStartIsShown) {
  FakeGroup group;
  group.add(1'000, "old");
  group.add(5'000, "asked-for");
  LogFollower follower({.group = "g", .start_ms = 5'000}, group.fetch());
  EXPECT_EQ(messages(follower), "asked-for ");
}

TEST(LogFollower, ALongRunIsShownWhole) {
  FakeGroup group;
  LogFollower follower({.group = "g"}, group.fetch());
  std::size_t shown = 0;
  for (int minute = 0; minute < 60; ++minute) {
    for (int i = 0; i < 10; ++i) group.add(minute * 60'000 + i, "line");
    shown += follower.next()->size();
  }
  EXPECT_EQ(shown, 600u);
}

}  // namespace
}  // namespace hearth::cli
