// What every TelemetryStore promises, as tests. An engine's *_test.cpp includes this once and says
//   INSTANTIATE_TEST_SUITE_P(Blocks, TelemetryStoreContract, testing::Values(TelemetryStoreMaker(make_telemetry)));
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ports/telemetry_store.h"

namespace hearth {

// A fresh, empty store and whatever it stands on.
class TelemetryStoreUnderTest {
 public:
  virtual ~TelemetryStoreUnderTest() = default;
  virtual TelemetryStore& store() = 0;
  // Closes and opens the store on the same bytes. False if nothing survives closing.
  virtual bool reopen() { return false; }
  // Moves what is in memory to where old data lives, so that queries have to merge. Engines without such a place:
  // nothing.
  virtual void seal() {}
};
using TelemetryStoreMaker = std::function<std::unique_ptr<TelemetryStoreUnderTest>()>;

class TelemetryStoreContract : public testing::TestWithParam<TelemetryStoreMaker> {
 protected:
  TelemetryStore& store() { return under_test_->store(); }
  void seal() { under_test_->seal(); }

  void append(std::string series, std::int64_t timestamp_ms, double value) {
    std::vector<SeriesSample> samples;
    samples.push_back({std::move(series), {timestamp_ms, value, value, value, 1}});
    const auto appended = sync_wait(store().append_samples(std::move(samples)));
    ASSERT_TRUE(appended) << appended.error().message();
  }
  void append_event(std::string_view stream, std::int64_t timestamp_ms, std::string message) {
    std::vector<LogEvent> events;
    events.push_back({.timestamp_ms = timestamp_ms, .ingestion_ms = timestamp_ms + 1, .message = std::move(message)});
    const auto appended = sync_wait(store().append_events(stream, std::move(events)));
    ASSERT_TRUE(appended) << appended.error().message();
  }
  std::string values(std::string_view series, TimeSpan span = everything) {
    std::string text;
    const auto found = sync_wait(store().samples(series, span));
    EXPECT_TRUE(found) << found.error().message();
    for (const Sample& sample : found.value_or(std::vector<Sample>()))
      text += std::to_string(sample.timestamp_ms) + ":" + std::to_string(static_cast<int>(sample.sum)) + " ";
    return text;
  }
  std::vector<LogEvent> events(std::string_view stream, TimeSpan span = everything, const EventPosition* from = nullptr,
                               std::size_t limit = 1000, bool backwards = false) {
    auto found = sync_wait(store().events(stream, span, from, limit, backwards));
    EXPECT_TRUE(found) << found.error().message();
    return found.value_or(std::vector<LogEvent>());
  }
  static std::string messages(const std::vector<LogEvent>& events) {
    std::string text;
    for (const LogEvent& event : events) text += event.message + " ";
    return text;
  }

  static constexpr TimeSpan everything{0, std::int64_t{1} << 60};
  std::unique_ptr<TelemetryStoreUnderTest> under_test_ = GetParam()();
};

TEST_P(TelemetryStoreContract, SamplesComeBackInTimeOrderInsideTheSpan) {
  append("cpu", 3000, 3);
  append("cpu", 1000, 1);
  seal();
  append("cpu", 2000, 2);
  append("memory", 1500, 9);
  EXPECT_EQ(values("cpu"), "1000:1 2000:2 3000:3 ");
  EXPECT_EQ(values("cpu", {1000, 3000}), "1000:1 2000:2 ") << "the start is inside, the end is not";
  EXPECT_EQ(values("cpu", {1001, 2000}), "");
  EXPECT_EQ(values("cpu", {3000, 1000}), "");
  EXPECT_EQ(values("disk"), "");
}

TEST_P(TelemetryStoreContract, SamplesWithOneTimestampAreKeptApart) {
  append("latency", 1000, 5);
  append("latency", 1000, 7);
  seal();
  append("latency", 1000, 5);
  const auto found = sync_wait(store().samples("latency", everything)).value();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].sum + found[1].sum + found[2].sum, 17);
}

TEST_P(TelemetryStoreContract, StatisticSetsAndOddNumbersAreKeptExactly) {
  const Sample set{.timestamp_ms = 1000, .sum = 0.1, .min = -1e300, .max = 1e-300, .count = 12345.5};
  ASSERT_TRUE(sync_wait(store().append_samples({{"s", set}})));
  seal();
  const auto found = sync_wait(store().samples("s", everything)).value();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].sum, set.sum);
  EXPECT_EQ(found[0].min, set.min);
  EXPECT_EQ(found[0].max, set.max);
  EXPECT_EQ(found[0].count, set.count);
}

TEST_P(TelemetryStoreContract, SeriesAreListedByPrefixInPages) {
  for (const char* name : {"a/1", "b/2", "b/1", "b/3", "c/1"}) append(name, 1000, 1);
  seal();
  append("b/4", 1000, 1);
  append("b/1", 2000, 1);
  using Names = std::vector<std::string>;
  EXPECT_EQ(sync_wait(store().series("b/", "", 3)).value(), (Names{"b/1", "b/2", "b/3"}));
  EXPECT_EQ(sync_wait(store().series("b/", "b/3", 3)).value(), (Names{"b/4"}));
  EXPECT_EQ(sync_wait(store().series("", "b/4", 10)).value(), (Names{"c/1"}));
  EXPECT_EQ(sync_wait(store().series("d", "", 10)).value(), Names{});
}

TEST_P(TelemetryStoreContract, EventsComeBackByTimeThenInAppendOrder) {
  append_event("log", 2000, "c");
  append_event("log", 1000, "a");
  seal();
  append_event("log", 1000, "b");
  append_event("log", 2000, "d");
  append_event("other", 1000, "x");
  EXPECT_EQ(messages(events("log")), "a b c d ");
  EXPECT_EQ(messages(events("log", {1000, 2000})), "a b ");
  EXPECT_EQ(messages(events("log", everything, nullptr, 3)), "a b c ");
  EXPECT_EQ(messages(events("log", everything, nullptr, 3, true)), "d c b ");
  EXPECT_EQ(messages(events("nobody")), "");
  EXPECT_EQ(events("log").front().ingestion_ms, 1001);
}

TEST_P(TelemetryStoreContract, PagesGoOnWhereTheLastOneEnded) {
  for (int i = 0; i < 25; ++i) {
    append_event("log", 1000 + i / 10, std::to_string(i));
    if (i == 12) seal();
  }
  std::string forwards, backwards;
  EventPosition from;
  const EventPosition* position = nullptr;
  for (;;) {
    const auto page = events("log", everything, position, 4);
    if (page.empty()) break;
    forwards += messages(page);
    from = {page.back().timestamp_ms, page.back().sequence};
    position = &from;
  }
  position = nullptr;
  for (;;) {
    const auto page = events("log", everything, position, 4, true);
    if (page.empty()) break;
    backwards = [&] {
      auto older = page;
      std::ranges::reverse(older);
      return messages(older);
    }() + backwards;
    from = {page.back().timestamp_ms, page.back().sequence};
    position = &from;
  }
  std::string all;
  for (int i = 0; i < 25; ++i) all += std::to_string(i) + " ";
  EXPECT_EQ(forwards, all);
  EXPECT_EQ(backwards, all);
}

TEST_P(TelemetryStoreContract, AStreamIsForgottenWholeOrUpToATime) {
  for (const char* stream : {"keep", "cut", "gone"})
    for (int i = 0; i < 4; ++i) append_event(stream, 1000 * i, std::to_string(i));
  seal();
  append_event("gone", 9000, "late");
  ASSERT_TRUE(sync_wait(store().remove_stream("gone")));
  ASSERT_TRUE(sync_wait(store().remove_stream("never was")));
  ASSERT_TRUE(sync_wait(store().remove_events_before("cut", 2000)));
  EXPECT_EQ(messages(events("gone")), "");
  EXPECT_EQ(messages(events("cut")), "2 3 ");
  EXPECT_EQ(messages(events("keep")), "0 1 2 3 ");
  append_event("gone", 1000, "again");
  EXPECT_EQ(messages(events("gone")), "again ") << "a stream of the same name starts empty";
}

TEST_P(TelemetryStoreContract, OldSamplesAreForgotten) {
  for (int i = 0; i < 4; ++i) append("cpu", 1000 * i, i);
  append("once", 500, 1);
  seal();
  append("cpu", 500, 7);
  ASSERT_TRUE(sync_wait(store().remove_samples_before(2000)));
  EXPECT_EQ(values("cpu"), "2000:2 3000:3 ");
  EXPECT_EQ(sync_wait(store().series("", "", 10)).value(), std::vector<std::string>{"cpu"});
}

TEST_P(TelemetryStoreContract, AppendsSurviveReopening) {
  append("cpu", 1000, 1);
  append_event("log", 1000, "sealed");
  append_event("removed", 1000, "sealed");
  seal();
  append("cpu", 2000, 2);
  append_event("log", 1000, "in the write-ahead log");
  append_event("removed", 1000, "in the write-ahead log");
  ASSERT_TRUE(sync_wait(store().remove_stream("removed")));
  const std::uint64_t newest = events("log").back().sequence;
  if (!under_test_->reopen()) GTEST_SKIP() << "nothing survives closing this engine";
  EXPECT_EQ(values("cpu"), "1000:1 2000:2 ");
  EXPECT_EQ(messages(events("log")), "sealed in the write-ahead log ");
  EXPECT_EQ(messages(events("removed")), "");
  append_event("log", 1000, "new");
  EXPECT_GT(events("log").back().sequence, newest);
  EXPECT_EQ(events("log").back().message, "new");
}

TEST_P(TelemetryStoreContract, LongAndBinaryMessagesAreKept) {
  const std::string binary("\0\xff\n", 3), large(300'000, 'm');
  append_event("log", 1000, binary);
  append_event("log", 1001, large);
  append_event("log", 1002, "");
  seal();
  const auto found = events("log");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].message, binary);
  EXPECT_EQ(found[1].message, large);
  EXPECT_EQ(found[2].message, "");
}

TEST_P(TelemetryStoreContract, AnAnswerHasNoMoreBytesThanAskedFor) {
  for (int i = 0; i < 6; ++i) append_event("log", 1000 + i, std::string(100, static_cast<char>('a' + i)));
  append_event("log", 1006, std::string(1000, 'g'));
  const auto first_letters = [&](bool backwards, const EventPosition* from = nullptr) {
    std::string letters;
    const auto found = sync_wait(store().events("log", everything, from, {1000, 250}, backwards));
    EXPECT_TRUE(found) << found.error().message();
    for (const LogEvent& event : found.value_or(std::vector<LogEvent>())) letters += event.message.front();
    return letters;
  };
  for (const bool is_sealed : {false, true}) {
    if (is_sealed) seal();
    EXPECT_EQ(first_letters(false), "ab");
    EXPECT_EQ(first_letters(true), "g");  // the first event comes however large it is
    const auto all = events("log");
    const EventPosition after_b{all[1].timestamp_ms, all[1].sequence}, before_g{all[6].timestamp_ms, all[6].sequence};
    EXPECT_EQ(first_letters(false, &after_b), "cd");
    EXPECT_EQ(first_letters(true, &before_g), "fe");
  }
}

TEST_P(TelemetryStoreContract, ConcurrentAppendsAreAllKeptInOrderPerWriter) {
  constexpr int thread_count = 4, event_count = 100;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < thread_count; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < event_count; ++i) {
          append_event("shared", 1000, std::to_string(t) + "/" + std::to_string(i));
          append("series-" + std::to_string(t), 1000 + i, i);
          if (t == 0 && i % 30 == 0) seal();
        }
      });
  }
  const auto found = events("shared", everything, nullptr, 10'000);
  ASSERT_EQ(found.size(), static_cast<std::size_t>(thread_count * event_count));
  std::vector<int> next(thread_count, 0);
  for (const LogEvent& event : found) {
    const int writer = std::stoi(event.message), number = std::stoi(event.message.substr(event.message.find('/') + 1));
    EXPECT_EQ(number, next[static_cast<std::size_t>(writer)]++);
  }
  for (int t = 0; t < thread_count; ++t)
    EXPECT_EQ(sync_wait(store().samples("series-" + std::to_string(t), everything))->size(), 100u);
}

TEST_P(TelemetryStoreContract, ClearRemovesEverything) {
  append("cpu", 1000, 1);
  append_event("log", 1000, "x");
  seal();
  append("cpu", 2000, 1);
  ASSERT_TRUE(sync_wait(store().clear()));
  EXPECT_EQ(values("cpu"), "");
  EXPECT_EQ(messages(events("log")), "");
  EXPECT_TRUE(sync_wait(store().series("", "", 10))->empty());
  append("cpu", 3000, 3);
  EXPECT_EQ(values("cpu"), "3000:3 ");
}

}  // namespace hearth
