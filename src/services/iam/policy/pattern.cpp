#include "services/iam/policy/pattern.h"

#include <algorithm>
#include <cstring>

namespace hearth::policy {
namespace {

// `?` is one character, which in UTF-8 may be several bytes.
std::size_t character_length(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
  return end - at;
}

class NoFacts final : public Facts {
 public:
  const std::vector<std::string>* find(const std::string&) const override { return nullptr; }
};
const NoFacts no_facts;

bool is_variable_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(":/-_.@+= ").find(c) != std::string_view::npos;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

void Pattern::add_literal(std::string_view text) {
  if (tokens_.empty() || tokens_.back().kind != TokenKind::literal) tokens_.push_back({.kind = TokenKind::literal});
  tokens_.back().text += text;
}

// What stands between `${` and `}`: a key, perhaps followed by  , 'default'
Result<Pattern::Token> Pattern::parse_variable(std::string_view inside) {
  Token token{.kind = TokenKind::variable};
  std::string_view name = inside;
  if (const std::size_t comma = inside.find(','); comma != std::string_view::npos) {
    name = inside.substr(0, comma);
    const std::string_view quoted = trim(inside.substr(comma + 1));
    if (quoted.size() < 2 || quoted.front() != '\'' || quoted.back() != '\'')
      return Error(ErrorKind::invalid, "The default value of a policy variable must stand in single quotes.");
    token.has_default = true;
    token.default_value = quoted.substr(1, quoted.size() - 2);
  }
  name = trim(name);
  if (name.empty() || !std::ranges::all_of(name, is_variable_name_character))
    return Error(ErrorKind::invalid, "The policy variable ${" + std::string(inside) + "} is not valid.");
  token.text = to_lower(name);
  return token;
}

Result<Pattern> Pattern::compile(std::string_view text, PatternSyntax syntax) {
  Pattern pattern;
  pattern.text_ = text;
  for (std::size_t at = 0; at < text.size();) {
    if (syntax.variables && text.substr(at).starts_with("${")) {
      const std::size_t close = text.find('}', at);
      if (close == std::string_view::npos)
        return Error(ErrorKind::invalid, "A policy variable is not closed with }: " + std::string(text));
      const std::string_view inside = text.substr(at + 2, close - at - 2);
      at = close + 1;
      if (inside == "*" || inside == "?" || inside == "$") {
        pattern.add_literal(inside);
        continue;
      }
      TRY(Token variable, parse_variable(inside));
      pattern.tokens_.push_back(std::move(variable));
      pattern.has_variables_ = true;
      continue;
    }
    const char c = text[at++];
    if (syntax.wildcards && c == '*') {
      // Several stars in a row say no more than one.
      if (pattern.tokens_.empty() || pattern.tokens_.back().kind != TokenKind::any)
        pattern.tokens_.push_back({.kind = TokenKind::any});
    } else if (syntax.wildcards && c == '?') {
      pattern.tokens_.push_back({.kind = TokenKind::one});
    } else {
      pattern.add_literal(std::string_view(&c, 1));
    }
  }

  const auto is = [&](std::initializer_list<TokenKind> kinds) {
    return std::ranges::equal(pattern.tokens_, kinds, {}, &Token::kind);
  };
  if (is({TokenKind::any}))
    pattern.shape_ = Shape::everything;
  else if (is({TokenKind::literal}))
    pattern.shape_ = Shape::exact;
  else if (is({TokenKind::literal, TokenKind::any}))
    pattern.shape_ = Shape::prefix;
  return pattern;
}

std::vector<std::string> Pattern::variable_names() const {
  std::vector<std::string> names;
  for (const Token& token : tokens_)
    if (token.kind == TokenKind::variable) names.push_back(token.text);
  return names;
}

bool Pattern::expand(const Facts& facts, Pieces& pieces) const {
  for (const Token& token : tokens_) {
    if (token.kind != TokenKind::variable) {
      pieces.push_back({token.kind, token.text});
      continue;
    }
    const std::vector<std::string>* values = facts.find(token.text);
    if (values && values->size() == 1)
      pieces.push_back({TokenKind::literal, values->front()});
    else if (!values && token.has_default)
      pieces.push_back({TokenKind::literal, token.default_value});
    else
      return false;
  }
  return true;
}

Match Pattern::matches(std::string_view text, const Facts& facts) const {
  switch (shape_) {
    case Shape::everything:
      return Match::yes;
    case Shape::exact:
      return match_if(text == tokens_.front().text);
    case Shape::prefix:
      return match_if(text.starts_with(tokens_.front().text));
    case Shape::general:
      break;
  }
  Pieces pieces;
  if (!expand(facts, pieces)) return Match::unresolved;
  return match_if(glob(pieces, text));
}

Match Pattern::matches_ignoring_case(std::string_view text, const Facts& facts) const {
  Pieces pieces;
  if (!expand(facts, pieces)) return Match::unresolved;
  for (const Piece& piece : pieces) {
    if (text.size() < piece.text.size() || !equal_ignoring_case(text.substr(0, piece.text.size()), piece.text))
      return Match::no;
    text.remove_prefix(piece.text.size());
  }
  return match_if(text.empty());
}

Match Pattern::matches_arn(std::string_view text, const Facts& facts) const {
  Pieces pieces;
  if (!expand(facts, pieces)) return Match::unresolved;

  // Cuts the pattern at its first five colons; the last part keeps the colons it has.
  constexpr std::size_t part_count = 6;
  std::vector<Pieces> parts(1);
  for (Piece piece : pieces) {
    while (piece.kind == TokenKind::literal && parts.size() < part_count) {
      const std::size_t colon = piece.text.find(':');
      if (colon == std::string_view::npos) break;
      parts.back().push_back({TokenKind::literal, piece.text.substr(0, colon)});
      parts.emplace_back();
      piece.text.remove_prefix(colon + 1);
    }
    parts.back().push_back(piece);
  }
  // A final `*` stands for all the parts that are left, as in "arn:aws:s3:*".
  const bool open_ended = parts.size() < part_count && !pieces.empty() && pieces.back().kind == TokenKind::any;
  if (parts.size() < part_count && !open_ended) return Match::no;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool is_last = i + 1 == parts.size();
    const std::size_t colon = text.find(':');
    if (!is_last && colon == std::string_view::npos) return Match::no;
    if (!glob(parts[i], is_last ? text : text.substr(0, colon))) return Match::no;
    if (!is_last) text.remove_prefix(colon + 1);
  }
  return Match::yes;
}

// Literals and `?` only, from `at` on; moves `at` behind what matched.
bool Pattern::match_segment(std::span<const Piece> segment, std::string_view text, std::size_t& at) {
  std::size_t here = at;
  for (const Piece& piece : segment) {
    if (piece.kind == TokenKind::one) {
      if (here >= text.size()) return false;
      here += character_length(text, here);
    } else {
      if (text.compare(here, piece.text.size(), piece.text) != 0) return false;
      here += piece.text.size();
    }
  }
  at = here;
  return true;
}

// Segments between stars are found from left to right, each as early as it can be: if any placement works, this one
// does.
bool Pattern::glob(std::span<const Piece> pieces, std::string_view text) {
  const auto is_star = [](const Piece& piece) { return piece.kind == TokenKind::any; };
  auto begin = pieces.begin();
  auto star = std::find_if(begin, pieces.end(), is_star);
  std::size_t at = 0;
  if (!match_segment({begin, star}, text, at)) return false;
  while (star != pieces.end()) {
    begin = star + 1;
    star = std::find_if(begin, pieces.end(), is_star);
    const std::span<const Piece> segment(begin, star);
    if (segment.empty()) {
      if (star == pieces.end()) return true;
      continue;
    }
    const bool is_last = star == pieces.end();
    if (segment.size() == 1 && segment.front().kind == TokenKind::literal) {
      const std::string_view wanted = segment.front().text;
      if (is_last) return text.size() - at >= wanted.size() && text.ends_with(wanted);
      const void* found = memmem(text.data() + at, text.size() - at, wanted.data(), wanted.size());
      if (!found) return false;
      at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + wanted.size();
      continue;
    }
    bool found = false;
    for (std::size_t start = at; start <= text.size() && !found; ++start) {
      // A character begins here, not its second byte.
      if (start < text.size() && (static_cast<unsigned char>(text[start]) & 0xc0) == 0x80) continue;
      std::size_t end = start;
      found = match_segment(segment, text, end) && (!is_last || end == text.size());
      if (found) at = end;
    }
    if (!found) return false;
  }
  return at == text.size();
}

ActionPattern::ActionPattern(std::string_view text)
    : text_(text), pattern_(*Pattern::compile(to_lower(text), {.wildcards = true, .variables = false})) {}

bool ActionPattern::matches(std::string_view lower_case_action) const {
  return pattern_.matches(lower_case_action, no_facts) == Match::yes;
}

}  // namespace hearth::policy
