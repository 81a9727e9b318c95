// Text with `*`, `?` and policy variables, as in Resource elements and condition values.
// Matching costs at most pattern length × text length, and is linear for patterns without `?`.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace hearth::policy {

// What is known about one request: condition keys and their values.
class Facts {
 public:
  virtual ~Facts() = default;
  // Null if the request does not carry the key. `key` is in lower case. The answer lives as long as the request.
  virtual const std::vector<std::string>* find(const std::string& key) const = 0;
};

// `unresolved`: the pattern has a variable that the request does not know (or knows several values of).
enum class Match : std::uint8_t { no, yes, unresolved };
inline Match match_if(bool matched) {
  return matched ? Match::yes : Match::no;
}

struct PatternSyntax {
  bool wildcards = true;  // else `*` and `?` are ordinary characters
  bool variables = true;  // ${key}, ${key, 'default'}, ${*}, ${?}, ${$}
};

class Pattern {
 public:
  // ErrorKind::invalid for a variable that does not parse.
  static Result<Pattern> compile(std::string_view text, PatternSyntax syntax);

  Match matches(std::string_view text, const Facts& facts) const;
  Match matches_ignoring_case(std::string_view text, const Facts& facts) const;  // for patterns without wildcards
  // Compares the six parts of an ARN separately. Text that is no ARN does not match.
  Match matches_arn(std::string_view text, const Facts& facts) const;

  const std::string& text() const { return text_; }
  bool has_variables() const { return has_variables_; }
  // Lower-case names of the variables, for "which context keys does this policy ask for?".
  std::vector<std::string> variable_names() const;

 private:
  enum class TokenKind : std::uint8_t { literal, any, one, variable };
  struct Token {
    TokenKind kind = TokenKind::literal;
    std::string text;  // of a literal; the lower-case name of a variable
    bool has_default = false;
    std::string default_value;
  };
  enum class Shape : std::uint8_t { everything, exact, prefix, general };
  struct Piece {
    TokenKind kind;
    std::string_view text;
  };
  using Pieces = boost::container::small_vector<Piece, 16>;

  void add_literal(std::string_view text);
  static Result<Token> parse_variable(std::string_view inside);
  bool expand(const Facts& facts, Pieces& pieces) const;  // false: unresolved
  static bool glob(std::span<const Piece> pieces, std::string_view text);
  static bool match_segment(std::span<const Piece> segment, std::string_view text, std::size_t& at);

  std::string text_;
  std::vector<Token> tokens_;
  Shape shape_ = Shape::general;
  bool has_variables_ = false;
};

// A glob over ASCII text without variables, compared without case: action names.
class ActionPattern {
 public:
  explicit ActionPattern(std::string_view text);
  // `lower_case_action` is "s3:getobject".
  bool matches(std::string_view lower_case_action) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  Pattern pattern_;
};

}  // namespace hearth::policy
