#include "llm/infer/api_response.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "llm/infer/utf8_buffer.h"

namespace hearth::llm::infer {
namespace json = boost::json;

namespace {

std::string event(const json::value& value) {
  return fmt::format("data: {}\n\n", json::serialize(value));
}

json::object usage_of(const Outcome& outcome) {
  return {{"prompt_tokens", outcome.prompt_tokens},
          {"completion_tokens", outcome.completion_tokens},
          {"total_tokens", outcome.prompt_tokens + outcome.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", outcome.reused_tokens}}}};
}

// A token may be part of a character: as text it is shown with U+FFFD, as bytes exactly.
std::string shown(std::string_view bytes) {
  Utf8Buffer buffer;
  std::string text = buffer.add(bytes);
  return text + buffer.finish();
}

json::object chat_logprob(const AnswerHead& head, const TokenLogprob& entry) {
  const std::string bytes = head.bytes_of(entry.token);
  json::array numbers;
  for (const char byte : bytes) numbers.emplace_back(static_cast<unsigned char>(byte));
  return {{"token", shown(bytes)}, {"logprob", entry.logprob}, {"bytes", numbers}};
}

json::value logprobs_of(const AnswerHead& head, const Piece& piece) {
  if (piece.logprobs.empty()) return nullptr;
  if (head.surface == Surface::chat) {
    json::array content;
    for (const auto& token : piece.logprobs) {
      json::object entry = chat_logprob(head, token.front());
      json::array top;
      for (std::size_t i = 1; i < token.size(); ++i) top.emplace_back(chat_logprob(head, token[i]));
      entry["top_logprobs"] = std::move(top);
      content.emplace_back(std::move(entry));
    }
    return json::object{{"content", std::move(content)}, {"refusal", nullptr}};
  }
  json::array tokens;
  json::array numbers;
  json::array tops;
  for (const auto& token : piece.logprobs) {
    tokens.emplace_back(shown(head.bytes_of(token.front().token)));
    numbers.emplace_back(token.front().logprob);
    json::object top;
    for (std::size_t i = 1; i < token.size(); ++i) top[shown(head.bytes_of(token[i].token))] = token[i].logprob;
    tops.emplace_back(std::move(top));
  }
  return json::object{
      {"tokens", std::move(tokens)}, {"token_logprobs", std::move(numbers)}, {"top_logprobs", std::move(tops)}};
}

json::object document(const AnswerHead& head, std::string_view object, json::array choices) {
  return {{"id", head.id},
          {"object", object},
          {"created", head.created},
          {"model", head.model},
          {"choices", std::move(choices)}};
}

json::object chunk(const AnswerHead& head, json::array choices) {
  return document(head, head.surface == Surface::chat ? "chat.completion.chunk" : "text_completion",
                  std::move(choices));
}

json::object chunk_choice(const AnswerHead& head, const Piece& piece, const json::value& finish_reason) {
  json::object choice = {{"index", 0}};
  if (head.surface == Surface::chat) {
    json::object delta;
    if (finish_reason.is_null()) delta["content"] = piece.text;
    choice["delta"] = std::move(delta);
  } else {
    choice["text"] = piece.text;
  }
  choice["logprobs"] = logprobs_of(head, piece);
  choice["finish_reason"] = finish_reason;
  return choice;
}

}  // namespace

std::string_view to_string(FinishReason reason) {
  return reason == FinishReason::stop ? "stop" : "length";
}

std::string whole_answer(const AnswerHead& head, const Piece& all, const Outcome& outcome, std::string_view prompt) {
  if (head.surface == Surface::inputs)
    return json::serialize(json::array{json::object{{"generated_text", std::string(prompt) + all.text}}});

  json::object choice = {{"index", 0}};
  if (head.surface == Surface::chat)
    choice["message"] = {{"role", "assistant"}, {"content", all.text}, {"refusal", nullptr}};
  else
    choice["text"] = all.text;
  choice["logprobs"] = logprobs_of(head, all);
  choice["finish_reason"] = json::value(to_string(outcome.reason));
  json::object whole = document(head, head.surface == Surface::chat ? "chat.completion" : "text_completion",
                                json::array{std::move(choice)});
  whole["usage"] = usage_of(outcome);
  return json::serialize(whole);
}

std::string first_event(const AnswerHead& head) {
  if (head.surface != Surface::chat) return {};
  const json::object choice = {{"index", 0},
                               {"delta", {{"role", "assistant"}, {"content", ""}}},
                               {"logprobs", nullptr},
                               {"finish_reason", nullptr}};
  return event(chunk(head, json::array{choice}));
}

std::string piece_event(const AnswerHead& head, const Piece& piece) {
  return event(chunk(head, json::array{chunk_choice(head, piece, nullptr)}));
}

std::string last_events(const AnswerHead& head, const Outcome& outcome, bool include_usage) {
  std::string events = event(chunk(head, json::array{chunk_choice(head, {}, json::value(to_string(outcome.reason)))}));
  if (include_usage) {
    json::object usage = chunk(head, json::array{});
    usage["usage"] = usage_of(outcome);
    events += event(usage);
  }
  return events + "data: [DONE]\n\n";
}

std::string error_event(const ApiError& error) {
  return fmt::format("data: {}\n\ndata: [DONE]\n\n", to_json(error));
}

}  // namespace hearth::llm::infer
