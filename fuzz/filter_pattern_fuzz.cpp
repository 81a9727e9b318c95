// Any text as a filter pattern of CloudWatch Logs, tried on any message: a refusal has a sentence, and the answer to
// the same question is the same. Input: the pattern, a newline, the message.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "services/logs/filter_pattern.h"

using namespace hearth;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto end = input.find('\n');
  const std::string_view text = input.substr(0, end);
  const std::string_view message = end == input.npos ? std::string_view() : input.substr(end + 1);
  const Result<logs::FilterPattern> pattern = logs::FilterPattern::parse(text);
  if (!pattern) {
    if (pattern.error().message().empty()) std::abort();
    return 0;
  }
  if (pattern->matches(message) != pattern->matches(message)) std::abort();
  if (text.empty() && !pattern->matches(message)) std::abort();
  return 0;
}
