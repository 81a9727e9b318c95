#include "services/sagemaker/sse.h"

#include <gtest/gtest.h>

namespace hearth::sagemaker {
namespace {

const std::string hello = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
const std::string usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n";
const std::string done = "data: [DONE]\n\n";

TEST(SseFilter, CountsTokensAndHidesUsageNobodyAskedFor) {
  const std::string all = hello + usage + done;
  for (std::size_t piece = 1; piece <= all.size(); ++piece) {  // however the bytes are cut
    SseFilter filter(true);
    std::string out;
    for (std::size_t at = 0; at < all.size(); at += piece) out += filter.feed(std::string_view(all).substr(at, piece));
    out += filter.finish();
    EXPECT_EQ(out, hello + done);
    EXPECT_EQ(filter.usage().input_tokens, 7);
    EXPECT_EQ(filter.usage().output_tokens, 3);
  }
}

TEST(SseFilter, PassesUsageOnToAClientThatAsked) {
  SseFilter filter(false);
  EXPECT_EQ(filter.feed(hello + usage + done), hello + usage + done);
  EXPECT_EQ(filter.usage().output_tokens, 3);
}

TEST(SseFilter, AnEventWithoutEndIsNotHeldForever) {
  SseFilter filter(true);
  const std::string endless(3 << 20, 'x');
  EXPECT_EQ(filter.feed(endless) + filter.finish(), endless);
}

TEST(SseFilter, KnowsTheFirstTokenAndTheEnd) {
  SseFilter filter(true);
  filter.feed("data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n");
  EXPECT_FALSE(filter.saw_token()) << "the role is not a token";
  filter.feed(hello);
  EXPECT_TRUE(filter.saw_token());
  EXPECT_FALSE(filter.saw_done());
  filter.feed(done);
  EXPECT_TRUE(filter.saw_done());
}

TEST(SseFilter, DoesNotHoldBackEventsWhoseLinesEndOtherwise) {
  for (const std::string event : {"data: {\"a\":1}\r\n\r\n", "data: {\"a\":1}\r\r"}) {
    SseFilter filter(true);
    EXPECT_EQ(filter.feed(event), event);
    EXPECT_TRUE(filter.saw_token());
  }
}

TEST(UsageRequest, IsAddedOnlyToStreamsThatLackIt) {
  EXPECT_FALSE(with_usage_requested("not json"));
  EXPECT_FALSE(with_usage_requested(R"({"stream":false})"));
  EXPECT_FALSE(with_usage_requested(R"({"stream":true,"prompt":"","stream_options":{"include_usage":true}})"));
  EXPECT_FALSE(with_usage_requested(R"({"stream":true,"inputs":"of another form"})"));
  EXPECT_EQ(with_usage_requested(R"({"stream":true,"prompt":"a"})"),
            R"({"stream":true,"prompt":"a","stream_options":{"include_usage":true}})");
}

}  // namespace
}  // namespace hearth::sagemaker
