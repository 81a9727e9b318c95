// Answers in the form of the OpenAI API: one JSON document, or the events of a stream. Pure: values in, text out.
// https://platform.openai.com/docs/api-reference/chat-streaming
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "llm/infer/answer.h"
#include "llm/infer/api_request.h"

namespace hearth::llm::infer {

// What all documents of one answer share.
struct AnswerHead {
  Surface surface = Surface::chat;
  std::string id;  // "chatcmpl-…" or "cmpl-…"
  std::string model;
  std::int64_t created = 0;  // seconds since the epoch
  // Bytes of a token, for log probabilities.
  std::function<std::string(Token)> bytes_of;
};

std::string_view to_string(FinishReason reason);

// The whole answer. `prompt` is put in front where the request asked for it (inputs with return_full_text).
std::string whole_answer(const AnswerHead& head, const Piece& all, const Outcome& outcome,
                         std::string_view prompt = {});

// Events as they go on the wire: "data: …\n\n".
std::string first_event(const AnswerHead& head);  // "" where the form has none
std::string piece_event(const AnswerHead& head, const Piece& piece);
std::string last_events(const AnswerHead& head, const Outcome& outcome, bool include_usage);  // ends with [DONE]
std::string error_event(const ApiError& error);  // clients raise it; nothing follows but [DONE]

}  // namespace hearth::llm::infer
