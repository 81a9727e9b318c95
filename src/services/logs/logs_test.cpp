#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "engines/memory/metadata_store.h"
#include "engines/memory/telemetry_store.h"
#include "ports/expect_aws_error.h"
#include "services/logs/access.h"
#include "services/logs/service.h"

namespace hearth::logs {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FakeMetrics final : public MetricSink {
 public:
  Async<void> put_metrics(std::string_view, std::string_view, std::vector<MetricPoint> more) override {
    points.insert(points.end(), more.begin(), more.end());
    co_return ok;
  }
  std::vector<MetricPoint> points;
};

class Logs : public testing::Test {
 protected:
  Logs() {
    ctx_.account_id = "123456789012";
    ctx_.region = "us-east-1";
    types::CreateLogGroupRequest group;
    group.log_group_name = "/g";
    EXPECT_TRUE(sync_wait(service_.create_log_group(ctx_, group)));
  }
  std::int64_t now_ms() const { return to_ms(clock_.now()); }
  void create_stream(std::string name) {
    types::CreateLogStreamRequest in;
    in.log_group_name = "/g";
    in.log_stream_name = std::move(name);
    EXPECT_TRUE(sync_wait(service_.create_log_stream(ctx_, in)));
  }
  Result<types::PutLogEventsResponse> put(std::string stream, std::vector<types::InputLogEvent> events) {
    types::PutLogEventsRequest in;
    in.log_group_name = "/g";
    in.log_stream_name = std::move(stream);
    in.log_events = std::move(events);
    return sync_wait(service_.put_log_events(ctx_, in));
  }
  static types::InputLogEvent event(std::int64_t timestamp, std::string message) {
    types::InputLogEvent made;
    made.timestamp = timestamp;
    made.message = std::move(message);
    return made;
  }
  types::FilterLogEventsRequest all() const {
    types::FilterLogEventsRequest in;
    in.log_group_name = "/g";
    return in;
  }
  // Messages of all pages; `page_count` says how many those were.
  std::vector<std::string> filtered(types::FilterLogEventsRequest in, std::size_t* page_count = nullptr) {
    std::vector<std::string> messages;
    for (std::size_t pages = 1;; ++pages) {
      const auto out = sync_wait(service_.filter_log_events(ctx_, in));
      EXPECT_TRUE(out) << out.error().message();
      if (!out) return messages;
      for (const auto& found : *out->events) messages.push_back(*found.message);
      if (page_count) *page_count = pages;
      if (!out->next_token) return messages;
      in.next_token = *out->next_token;
    }
  }

  MemoryMetadataStore store_;
  MemoryTelemetryStore telemetry_;
  FakeMetrics metrics_;
  FakeClock clock_;
  SequenceIds ids_;
  LogsService service_{store_, telemetry_, metrics_, clock_, ids_};
  RequestContext ctx_;
};

TEST_F(Logs, EventsOfSeveralStreamsComeByTimeAndThenAsTheyCameIn) {
  for (const char* stream : {"b", "a", "c"}) create_stream(stream);
  const std::int64_t at = now_ms() - 10'000;
  ASSERT_TRUE(put("b", {event(at, "b0"), event(at + 5, "b5")}));
  ASSERT_TRUE(put("a", {event(at, "a0"), event(at + 3, "a3"), event(at + 9, "a9")}));
  ASSERT_TRUE(put("b", {event(at + 3, "b3"), event(at + 4, "b4")}));
  const auto expected = ElementsAre("b0", "a0", "a3", "b3", "b4", "b5", "a9");
  EXPECT_THAT(filtered(all()), expected);
  for (std::int32_t limit = 1; limit < 9; ++limit) {
    auto in = all();
    in.limit = limit;
    std::size_t page_count = 0;
    EXPECT_THAT(filtered(in, &page_count), expected) << limit;
    EXPECT_EQ(page_count, (7 + static_cast<std::size_t>(limit) - 1) / static_cast<std::size_t>(limit));
  }
  auto some = all();
  some.log_stream_names.emplace() = {"b", "c"};
  some.start_time = at + 3;
  some.end_time = at + 4;  // part of the span
  EXPECT_THAT(filtered(some), ElementsAre("b3", "b4"));
  some.end_time = std::numeric_limits<std::int64_t>::max();
  EXPECT_THAT(filtered(some), ElementsAre("b3", "b4", "b5"));
}

TEST_F(Logs, ManyStreamsArePagedThroughWhole) {
  const std::int64_t at = now_ms() - 100'000;
  std::vector<std::string> expected;
  for (int i = 0; i < 40; ++i) create_stream("s" + std::to_string(i));
  for (int round = 0; round < 30; ++round)
    for (int i = 0; i < 40; ++i) {
      expected.push_back(std::to_string(round) + " " + std::to_string(i));
      ASSERT_TRUE(put("s" + std::to_string(i), {event(at + round * 40 + i, expected.back())}));
    }
  auto in = all();
  in.limit = 77;
  EXPECT_EQ(filtered(in), expected);
}

TEST_F(Logs, AnAnswerHasAMegabyteAtMost) {
  create_stream("s");
  const std::int64_t at = now_ms() - 10'000;
  std::vector<std::string> expected;
  for (int i = 0; i < 5; ++i) {
    expected.push_back(std::string(400'000, static_cast<char>('a' + i)));
    ASSERT_TRUE(put("s", {event(at + i, expected.back())}));
  }
  std::size_t page_count = 0;
  EXPECT_EQ(filtered(all(), &page_count), expected);
  EXPECT_EQ(page_count, 3u);

  types::GetLogEventsRequest get;
  get.log_group_name = "/g";
  get.log_stream_name = "s";
  const auto last = sync_wait(service_.get_log_events(ctx_, get));
  ASSERT_TRUE(last);
  ASSERT_EQ(last->events->size(), 2u);
  EXPECT_EQ((*last->events)[0].message->front(), 'd');
  get.next_token = *last->next_backward_token;
  const auto before = sync_wait(service_.get_log_events(ctx_, get));
  ASSERT_EQ(before->events->size(), 2u);
  EXPECT_EQ((*before->events)[0].message->front(), 'b');
}

TEST_F(Logs, GroupsOfOthersAreNotThere) {
  auto in = all();
  in.log_group_identifier = "/g";
  EXPECT_AWS_ERROR(sync_wait(service_.filter_log_events(ctx_, in)), 400, "InvalidParameterException");  // both
  in.log_group_name = {};
  EXPECT_TRUE(sync_wait(service_.filter_log_events(ctx_, in)));
  in.log_group_identifier = "arn:aws:logs:us-east-1:123456789012:log-group:/g";
  EXPECT_TRUE(sync_wait(service_.filter_log_events(ctx_, in)));
  for (const char* other :
       {"arn:aws:logs:us-east-1:999999999999:log-group:/g", "arn:aws:logs:eu-west-1:123456789012:log-group:/g"}) {
    in.log_group_identifier = other;
    EXPECT_AWS_ERROR(sync_wait(service_.filter_log_events(ctx_, in)), 400, "ResourceNotFoundException");
    types::TagResourceRequest tag;
    tag.resource_arn = other;
    tag.tags["a"] = "b";
    EXPECT_AWS_ERROR(sync_wait(service_.tag_resource(ctx_, tag)), 400, "ResourceNotFoundException");
  }
}

TEST_F(Logs, ADenyOfAGroupHoldsHoweverTheGroupIsWritten) {
  types::TagResourceRequest tag;
  tag.resource_arn = "arn:aws:logs:us-east-1:123456789012:log-group:/g:*";
  EXPECT_EQ(AccessRule<api::logs::op::TagResource>::of(ctx_, tag).resource,
            "arn:aws:logs:us-east-1:123456789012:log-group:/g");
}

TEST_F(Logs, OldAndFutureEventsAreRejectedAndSaidSo) {
  create_stream("s");
  constexpr std::int64_t hour_ms = 3'600'000;
  const std::int64_t early = now_ms() - 14 * 24 * hour_ms;
  const auto old = put("s", {event(early - 2, "old"), event(early - 1, "old"), event(early + 1, "kept")});
  ASSERT_TRUE(old);
  EXPECT_EQ(*old->rejected_log_events_info->too_old_log_event_end_index, 2);
  const auto future = put("s", {event(now_ms(), "now"), event(now_ms() + 2 * hour_ms + 1, "not yet")});
  ASSERT_TRUE(future);
  EXPECT_EQ(*future->rejected_log_events_info->too_new_log_event_start_index, 1);
  EXPECT_THAT(filtered(all()), ElementsAre("kept", "now"));
}

TEST_F(Logs, WhatIsOlderThanTheRetentionGoes) {
  create_stream("s");
  constexpr std::int64_t day_ms = 86'400'000;
  ASSERT_TRUE(put("s", {event(now_ms() - 2 * day_ms, "old")}));
  ASSERT_TRUE(put("s", {event(now_ms(), "new")}));
  types::PutRetentionPolicyRequest retention;
  retention.log_group_name = "/g";
  retention.retention_in_days = 1;
  ASSERT_TRUE(sync_wait(service_.put_retention_policy(ctx_, retention)));
  ASSERT_TRUE(sync_wait(service_.sweep()));
  EXPECT_THAT(filtered(all()), ElementsAre("new"));
  const auto expired = put("s", {event(now_ms() - 2 * day_ms, "too late")});
  ASSERT_TRUE(expired);
  EXPECT_EQ(*expired->rejected_log_events_info->expired_log_event_end_index, 1);
  clock_.advance(std::chrono::hours(30));
  ASSERT_TRUE(sync_wait(service_.sweep()));
  EXPECT_THAT(filtered(all()), IsEmpty());
}

TEST_F(Logs, EmbeddedMetricsOfALargeBatchAllArrive) {
  create_stream("s");
  std::vector<types::InputLogEvent> events;
  const std::string time = std::to_string(now_ms());
  for (int i = 0; i < 1500; ++i)
    events.push_back(
        event(now_ms(), R"({"_aws":{"Timestamp":)" + time +
                            R"(,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[[]],"Metrics":[{"Name":"m"}]}]},)" +
                            R"("m":[1,2,3,4,5,6,7,8,9,)" + std::to_string(i) + "]}"));
  ASSERT_TRUE(put("s", std::move(events)));
  EXPECT_EQ(metrics_.points.size(), 15'000u);
  EXPECT_EQ(filtered(all()).size(), 1500u);
}

}  // namespace
}  // namespace hearth::logs
