// Requests as corpus files hold them, readable and easy to mutate: METHOD TARGET, headers, an empty line, the body;
// lines end in a bare \n. Anything is a request: what a line lacks stays empty.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "http/message.h"

namespace hearth::fuzz {

inline std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text = end == text.npos ? std::string_view() : text.substr(end + 1);
  return line;
}

// The server refuses other names.
inline bool is_header_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

inline http::Request read_request(std::string_view text) {
  http::Request request;
  const std::string_view first = take_line(text);
  const auto space = first.find(' ');
  request.method = first.substr(0, space);
  const std::string_view target = space == first.npos ? std::string_view("/") : first.substr(space + 1);
  const auto question = target.find('?');
  request.path = target.substr(0, question);
  if (!request.path.starts_with('/')) request.path.insert(0, "/");  // the server promises that
  if (question != target.npos) request.query = target.substr(question + 1);
  for (std::string_view line = take_line(text); !line.empty(); line = take_line(text)) {
    const auto colon = line.find(": ");
    if (colon != line.npos && is_header_name(line.substr(0, colon)))
      request.headers.add(line.substr(0, colon), std::string(line.substr(colon + 2)));
  }
  request.body = text;
  return request;
}

}  // namespace hearth::fuzz
