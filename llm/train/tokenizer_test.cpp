#include "llm/train/tokenizer.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
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

// The same tokenizer with one member set.
std::string changed(const std::string& member, const std::string& value) {
  boost::json::object tokenizer = boost::json::parse(Tokenizer::learn(sample(), 300).to_json()).as_object();
  tokenizer[member] = boost::json::parse(value);
  return boost::json::serialize(tokenizer);
}

std::string refusal_of(const std::string& tokenizer_json) {
  try {
    Tokenizer::from_json(tokenizer_json);
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "";
}

TEST(Tokenizer, StepsThatSplitFollowEachOther) {
  const std::string byte_level = R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true})";
  Tokenizer whole = Tokenizer::from_json(changed("pre_tokenizer", byte_level));
  Tokenizer digits = Tokenizer::from_json(changed(
      "pre_tokenizer",
      R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},)" + byte_level + "]}"));
  // " 4" is one piece of GPT-2's pattern; a digit alone is one of the other.
  EXPECT_EQ(whole.decode(whole.encode("the cat 42")), "the cat 42");
  EXPECT_EQ(digits.encode("the cat 42"), [&] {
    std::vector<TokenId> parts;
    for (const char* part : {"the cat ", "4", "2"}) {
      const auto ids = whole.encode(part);
      parts.insert(parts.end(), ids.begin(), ids.end());
    }
    return parts;
  }());
}

// A tokenizer of which a part is passed over would give other ids than the one the model was trained with.
TEST(Tokenizer, WhatItCannotDoIsRefused) {
  EXPECT_NE(refusal_of(changed("normalizer", R"({"type":"NFC"})")).find("normalizer 'NFC'"), std::string::npos);
  EXPECT_NE(refusal_of(changed("pre_tokenizer", R"({"type":"ByteLevel","add_prefix_space":true})")).find("space"),
            std::string::npos);
  EXPECT_NE(refusal_of(changed("pre_tokenizer", R"({"type":"Metaspace"})")).find("'Metaspace'"), std::string::npos);
  EXPECT_NE(
      refusal_of(changed("pre_tokenizer", R"({"type":"Split","pattern":{"Regex":"x"},"behavior":"Removed"})")).size(),
      0u);
}

TEST(Tokenizer, OtherKindsAreRefusedByName) {
  EXPECT_THROW(Tokenizer::from_json("[]"), Failure);
  EXPECT_THROW(Tokenizer::from_json(R"({"model":{"vocab":{},"merges":[]}})"), Failure);
}

}  // namespace
}  // namespace hearth::llm::train
