#include "llm/train/conversation.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "llm/common/failure.h"

namespace hearth::llm::train {
namespace {
namespace json = boost::json;

// A byte-level tokenizer with these added tokens, from id 256 on.
Tokenizer with_specials(const std::vector<std::string>& specials) {
  json::object tokenizer = json::parse(Tokenizer::learn("some text", 260).to_json()).as_object();
  json::array added;
  std::int64_t id = 256;
  for (const std::string& special : specials)
    added.push_back(json::object{{"id", id++}, {"content", special}, {"special", true}});
  tokenizer["added_tokens"] = added;
  return Tokenizer::from_json(json::serialize(tokenizer));
}

struct Written {
  std::string all, learnt;
};
Written write(const std::vector<std::string>& specials) {
  Tokenizer tokenizer = with_specials(specials);
  Written written;
  for (const auto& part : ConversationForm(tokenizer).write({{"user", "Hi?"}, {"assistant", "Yes."}})) {
    written.all += tokenizer.decode(part.ids);
    if (part.learnt) written.learnt += tokenizer.decode(part.ids);
  }
  return written;
}

const std::vector<std::string> llama3 = {"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
                                         "<|end_header_id|>", "<|eot_id|>"};

TEST(Conversation, IsChatMlWhereTheTokenizerHasItsTokens) {
  const Written written = write({"<|end_of_text|>", "<|im_start|>", "<|im_end|>"});
  EXPECT_EQ(written.all, "<|im_start|>user\nHi?<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>\n");
  EXPECT_EQ(written.learnt, "Yes.<|im_end|>");
}

TEST(Conversation, IsLlama3sWhereTheTokenizerHasItsHeaders) {
  const Written written = write(llama3);
  EXPECT_EQ(written.all,
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nYes.<|eot_id|>");
  EXPECT_EQ(written.learnt, "Yes.<|eot_id|>");
}

TEST(Conversation, SpellsChatMlOutWhereThereAreNoTokensForIt) {
  const Written written = write({"</s>"});
  EXPECT_EQ(written.all, "<|im_start|>user\nHi?</s>\n<|im_start|>assistant\nYes.</s>\n");
}

TEST(Conversation, ATokenizerThatCannotEndATurnIsRefused) {
  Tokenizer tokenizer = with_specials({"<other>"});
  EXPECT_THROW(ConversationForm{tokenizer}, Failure);
}

json::object object_of(const std::string& text) {
  return json::parse(text).as_object();
}

TEST(Conversation, AModelKeepsItsOwnTemplateWhereItIsOfTheSameTurns) {
  Tokenizer tokenizer = with_specials(llama3);
  const ConversationForm form(tokenizer);
  const TokenizerFiles files{.tokenizer_json = "{}",
                             .tokenizer_config_json = "{}",
                             .generation_config_json = R"({"eos_token_id":[257,260]})",
                             .chat_template_jinja = "{{ '<|start_header_id|>' }} and so on"};
  EXPECT_FALSE(form.replaces_template(files));
  const TokenizerFiles taught = form.taught(files, {});
  EXPECT_EQ(taught.chat_template_jinja, files.chat_template_jinja);
  EXPECT_EQ(taught.generation_config_json, files.generation_config_json);
}

// Served with another template than it was taught in, a model answers, only worse.
TEST(Conversation, AnotherTemplateGivesWayToTheFormTheModelWasTaughtIn) {
  Tokenizer tokenizer = with_specials({"</s>"});
  const ConversationForm form(tokenizer);
  const TokenizerFiles files{.tokenizer_json = "{}",
                             .tokenizer_config_json = R"({"bos_token":"<s>"})",
                             .generation_config_json = "",
                             .chat_template_jinja = "[INST] {{ messages }} [/INST]"};
  ASSERT_TRUE(form.replaces_template(files));
  const TokenizerFiles taught = form.taught(files, object_of(R"({"eos_token_id":2})"));
  EXPECT_TRUE(taught.chat_template_jinja.empty());
  const json::object settings = object_of(taught.tokenizer_config_json);
  EXPECT_EQ(settings.at("bos_token").as_string(), "<s>");
  EXPECT_NE(settings.at("chat_template").as_string().find("<|im_start|>"), json::string::npos);
  EXPECT_NE(settings.at("chat_template").as_string().find("</s>\n"), json::string::npos);
  // The end of a turn ends an answer, beside what did before.
  EXPECT_EQ(json::serialize(object_of(taught.generation_config_json).at("eos_token_id")), "[2,256]");
}

TEST(Conversation, WhatWeMakeOurselvesStaysAsItIs) {
  Tokenizer tokenizer = Tokenizer::learn("some text", 300);
  const ConversationForm form(tokenizer);
  const auto last = static_cast<std::int64_t>(tokenizer.vocab_size()) - 1;
  const TokenizerFiles files{.tokenizer_json = "{}",
                             .tokenizer_config_json = chatml_tokenizer_config(),
                             .generation_config_json = "",
                             .chat_template_jinja = ""};
  EXPECT_FALSE(form.replaces_template(files));
  json::array ends;
  ends.emplace_back(last);
  const TokenizerFiles taught = form.taught(files, {{"eos_token_id", ends}});
  EXPECT_EQ(taught.tokenizer_config_json, files.tokenizer_config_json);
  EXPECT_EQ(taught.generation_config_json, "");
}

}  // namespace
}  // namespace hearth::llm::train
