// How conversations are written down for a model: in the turns its tokenizer has tokens for. What is served later must
// ask in the same form, so the form also gives the chat template that belongs to it.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "llm/train/checkpoint.h"
#include "llm/train/records.h"
#include "llm/train/tokenizer.h"

namespace hearth::llm::train {

class ConversationForm {
 public:
  // LLaMA 3's turns where the tokenizer has the tokens for them, else ChatML; a tokenizer without ChatML's tokens
  // spells them out. Fails when it has no token to end a turn with.
  explicit ConversationForm(Tokenizer& tokenizer);

  struct Part {
    std::vector<TokenId> ids;
    bool learnt = false;  // what the assistant says, and that it ends there
  };
  std::vector<Part> write(const std::vector<Message>& messages);

  // The files of a model that was taught in this form. Its own chat template stays if it speaks of the same turns;
  // the end of a turn becomes one of the tokens that end an answer. `config` is its config.json.
  TokenizerFiles taught(TokenizerFiles files, const boost::json::object& config) const;
  // Whether taught() would put another chat template in the place of the model's own.
  bool replaces_template(const TokenizerFiles& files) const;

 private:
  std::vector<TokenId> token_or_text(std::string_view text);
  std::string chat_template() const;

  Tokenizer& tokenizer_;
  bool is_llama3_;
  std::string turn_end_text_;
  TokenId turn_end_ = 0;
};

}  // namespace hearth::llm::train
