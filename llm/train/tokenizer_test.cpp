#include "llm/train/tokenizer.h"

#include <gtest/gtest.h>

#include <random>

#include "llm/common/failure.h"
#include "llm/train/bpe_learner.h"

namespace hearth::llm::train {
namespace {

std::string sample() {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "the cat sat on the mat, then the other cat sat there.\n";
  return text;
}

TEST(Tokenizer, AnyBytesSurviveARoundTrip) {
  Tokenizer tokenizer = Tokenizer::learn(sample(), 300);
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::string bytes;
    for (int i = 0; i < 100; ++i) bytes += static_cast<char>(random() & 0xFF);
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(bytes)), bytes);
  }
  const std::string text = "Grüße, 世界! \t\r\n  it's 42 \xF0\x9F\x98\x80";
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
}

// "low" 5, "lower" 2, "newest" 6, "widest" 3: the example of Sennrich et al. (2016).
TEST(BpeLearner, KnownExampleGivesTheKnownMerges) {
  const auto merges = learn_merges({{"low", 5}, {"lower", 2}, {"newest", 6}, {"widest", 3}}, 3);
  ASSERT_EQ(merges.size(), 3u);
  EXPECT_EQ(merges[0].left, 'e');
  EXPECT_EQ(merges[0].right, 's');
  EXPECT_EQ(merges[1].left, merges[0].merged);  // "es" + "t"
  EXPECT_EQ(merges[1].right, 't');
  EXPECT_EQ(merges[2].left, 'l');
  EXPECT_EQ(merges[2].right, 'o');
}

TEST(Tokenizer, ReadsWhatItWrites) {
  Tokenizer first = Tokenizer::learn(sample(), 300);
  Tokenizer second = Tokenizer::from_json(first.to_json());
  EXPECT_EQ(first.vocab_size(), second.vocab_size());
  const std::string text = "the other mat, 7 cats \xFF\xFE";
  EXPECT_EQ(first.encode(text), second.encode(text));
  EXPECT_EQ(first.special(turn_end_token), second.special(turn_end_token));
  EXPECT_LT(first.encode("the cat sat").size(), 8u);
}

TEST(Tokenizer, SpecialTokensInTextAreOrdinaryText) {
  Tokenizer tokenizer = Tokenizer::learn(sample(), 300);
  const auto ids = tokenizer.encode("<|im_end|>");
  EXPECT_GT(ids.size(), 1u);
}

TEST(Tokenizer, OtherKindsAreRefusedByName) {
  EXPECT_THROW(Tokenizer::from_json("[]"), Failure);
  EXPECT_THROW(Tokenizer::from_json(R"({"model":{"vocab":{},"merges":[]}})"), Failure);
}

}  // namespace
}  // namespace hearth::llm::train
