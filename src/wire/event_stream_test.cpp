#include "wire/event_stream.h"

#include <gtest/gtest.h>

namespace hearth::wire {
namespace {

TEST(EventStream, FramesComeOutAsTheyWentIn) {
  std::string buffer = encode_event("PayloadPart", "application/octet-stream", std::string("\0bytes\xff", 7)) +
                       encode_exception("ModelStreamErrorException", "it \"broke\"");
  const auto part = take_event_frame(buffer).value();
  ASSERT_TRUE(part);
  EXPECT_EQ(part->header(":message-type"), "event");
  EXPECT_EQ(part->header(":event-type"), "PayloadPart");
  EXPECT_EQ(part->payload, std::string("\0bytes\xff", 7));
  const auto exception = take_event_frame(buffer).value();
  ASSERT_TRUE(exception);
  EXPECT_EQ(exception->header(":exception-type"), "ModelStreamErrorException");
  EXPECT_EQ(exception->payload, "{\"Message\":\"it \\\"broke\\\"\"}");
  EXPECT_TRUE(buffer.empty());
}

// https://smithy.io/2.0/aws/amazon-eventstream.html: prelude and message checksums of an empty message.
TEST(EventStream, TheEmptyMessageIsTheOneOfTheSpecification) {
  const std::string bytes("\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff", 16);
  EXPECT_EQ(encode_event_frame({}), bytes);
}

// Gives its pieces one by one, then ends or fails.
class Pieces final : public ByteSource {
 public:
  explicit Pieces(std::vector<std::string> pieces, std::optional<Error> failure = {})
      : pieces_(std::move(pieces)), failure_(std::move(failure)) {}
  Async<std::size_t> read(std::span<char> into) override {
    if (next_ < pieces_.size()) {
      const std::string& piece = pieces_[next_++];
      std::copy(piece.begin(), piece.end(), into.begin());
      co_return piece.size();
    }
    if (failure_) co_return *failure_;
    co_return std::size_t{0};
  }

 private:
  std::vector<std::string> pieces_;
  std::optional<Error> failure_;
  std::size_t next_ = 0;
};

TEST(EventStream, EveryPieceOfAByteStreamIsOneEvent) {
  const auto frames = frame_pieces(std::make_shared<Pieces>(std::vector<std::string>{"one", "two"}), "PayloadPart");
  std::string bytes = sync_wait(read_all(*frames, 1 << 20)).value();
  for (const std::string_view expected : {"one", "two"}) {
    const auto frame = take_event_frame(bytes).value();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->header(":event-type"), "PayloadPart");
    EXPECT_EQ(frame->payload, expected);
  }
  EXPECT_TRUE(bytes.empty());
}

TEST(EventStream, AFailingByteStreamEndsInAnException) {
  const Error failure = Error::aws("ModelStreamError", 400, "the model's connection broke");
  const auto frames = frame_pieces(std::make_shared<Pieces>(std::vector<std::string>{"one"}, failure), "PayloadPart");
  std::string bytes = sync_wait(read_all(*frames, 1 << 20)).value();
  ASSERT_TRUE(take_event_frame(bytes).value());
  const auto last = take_event_frame(bytes).value();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->header(":message-type"), "exception");
  EXPECT_EQ(last->header(":exception-type"), "ModelStreamError");
  EXPECT_TRUE(bytes.empty());
}

TEST(EventStream, WaitsForWholeFrames) {
  const std::string frame = encode_event("chunk", "application/json", "{}");
  for (std::size_t size = 0; size < frame.size(); ++size) {
    std::string buffer = frame.substr(0, size);
    const auto taken = take_event_frame(buffer);
    ASSERT_TRUE(taken.has_value()) << size;
    EXPECT_FALSE(taken->has_value()) << size;
    EXPECT_EQ(buffer.size(), size);
  }
}

TEST(EventStream, NoticesEveryFlippedBit) {
  const std::string frame = encode_event("chunk", "application/json", "{}");
  for (std::size_t at = 0; at < frame.size(); ++at) {
    std::string buffer = frame;
    buffer[at] ^= 0x10;
    const auto taken = take_event_frame(buffer);
    ASSERT_FALSE(taken.has_value()) << at;
    EXPECT_EQ(taken.error().kind(), ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace hearth::wire
