#include "llm/train/conversation.h"

#include <algorithm>
#include <boost/json.hpp>

#include "llm/common/failure.h"

namespace hearth::llm::train {
namespace json = boost::json;

namespace {

constexpr std::string_view header_begin = "<|start_header_id|>", header_end = "<|end_header_id|>",
                           llama3_turn_end = "<|eot_id|>";

json::object parse_object(const std::string& text) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  return !error && value.is_object() ? std::move(value.get_object()) : json::object();
}

// The chat template a model comes with; newer folders have it in a file of its own.
std::string own_template(const TokenizerFiles& files) {
  if (!files.chat_template_jinja.empty()) return files.chat_template_jinja;
  const json::object settings = parse_object(files.tokenizer_config_json);
  const json::value* text = settings.if_contains("chat_template");
  return text && text->is_string() ? std::string(text->get_string()) : "";
}

// One id or a list of them.
json::array ids_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (!value || value->is_null()) return {};
  if (value->is_array()) return value->get_array();
  json::array one;
  one.push_back(*value);
  return one;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const auto first = text.find_first_not_of(space);
  return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(space) - first + 1);
}

}  // namespace

ConversationForm::ConversationForm(Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  is_llama3_ = tokenizer.special(header_begin) && tokenizer.special(header_end) && tokenizer.special(llama3_turn_end);
  const std::vector<std::string_view> ends =
      is_llama3_
          ? std::vector{llama3_turn_end}
          : std::vector<std::string_view>{turn_end_token, llama3_turn_end, "</s>", text_end_token, "<|endoftext|>"};
  for (const std::string_view end : ends) {
    const auto id = tokenizer.special(end);
    if (!id) continue;
    turn_end_text_ = std::string(end);
    turn_end_ = *id;
    return;
  }
  fail(FailureKind::input, "tokenizer.json: has no token that ends a turn (such as {})", turn_end_token);
}

std::vector<TokenId> ConversationForm::token_or_text(std::string_view text) {
  if (const auto id = tokenizer_.special(text)) return {*id};
  return tokenizer_.encode(text);
}

std::vector<ConversationForm::Part> ConversationForm::write(const std::vector<Message>& messages) {
  std::vector<Part> parts;
  if (is_llama3_)
    if (const auto begin = tokenizer_.special(text_begin_token)) parts.push_back({{*begin}});
  for (const Message& message : messages) {
    const bool is_answer = message.role == "assistant";
    parts.push_back({token_or_text(is_llama3_ ? header_begin : turn_begin_token)});
    if (is_llama3_) {
      parts.push_back({tokenizer_.encode(message.role)});
      parts.push_back({token_or_text(header_end)});
      parts.push_back({tokenizer_.encode("\n\n")});
      parts.push_back({tokenizer_.encode(trimmed(message.content)), is_answer});
    } else {
      parts.push_back({tokenizer_.encode(message.role + "\n")});
      parts.push_back({tokenizer_.encode(message.content), is_answer});
    }
    parts.push_back({{turn_end_}, is_answer});
    if (!is_llama3_) parts.push_back({tokenizer_.encode("\n")});
  }
  return parts;
}

std::string ConversationForm::chat_template() const {
  if (is_llama3_)
    return "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n"
           "{{ message.content | trim }}<|eot_id|>{% endfor %}"
           "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}";
  return "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}" + turn_end_text_ +
         "\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
}

bool ConversationForm::replaces_template(const TokenizerFiles& files) const {
  const std::string own = own_template(files);
  const bool has_the_tokens = is_llama3_ || tokenizer_.special(turn_begin_token);
  return !has_the_tokens || !own.contains(is_llama3_ ? header_begin : turn_begin_token);
}

TokenizerFiles ConversationForm::taught(TokenizerFiles files, const json::object& config) const {
  if (replaces_template(files)) {
    json::object settings = parse_object(files.tokenizer_config_json);
    settings["chat_template"] = chat_template();
    files.tokenizer_config_json = json::serialize(settings);
    files.chat_template_jinja.clear();
  }
  json::object generation = parse_object(files.generation_config_json);
  json::array ends = ids_at(generation, "eos_token_id");
  if (ends.empty()) ends = ids_at(config, "eos_token_id");
  if (std::ranges::find(ends, json::value(turn_end_)) == ends.end()) {
    ends.push_back(turn_end_);
    generation["eos_token_id"] = ends;
    files.generation_config_json = json::serialize(generation);
  }
  return files;
}

}  // namespace hearth::llm::train
