// The filter pattern language of CloudWatch Logs: terms, JSON selectors, space-delimited fields. A pattern is
// understood whole or refused; it is never read as something else. Immutable; safe from any thread.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::logs {

class FilterPattern {
 public:
  // ErrorKind::invalid with a sentence that says where the pattern is wrong. The empty pattern matches everything.
  static Result<FilterPattern> parse(std::string_view text);

  bool matches(std::string_view message) const;

  struct Matcher;

 private:
  explicit FilterPattern(std::shared_ptr<const Matcher> matcher) : matcher_(std::move(matcher)) {}
  std::shared_ptr<const Matcher> matcher_;  // shared by copies of the pattern; null matches everything
};

}  // namespace hearth::logs
