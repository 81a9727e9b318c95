#include "services/logs/filter_pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

namespace hearth::logs {

struct FilterPattern::Matcher {
  virtual ~Matcher() = default;
  virtual bool matches(std::string_view message) const = 0;
};

namespace {

constexpr std::size_t pattern_length_max = 1024;
constexpr int nesting_max = 32;

Error invalid(std::string message) {
  return Error(ErrorKind::invalid, "Invalid filter pattern: " + std::move(message));
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// '*' stands for any text.
bool matches_wildcard(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = pattern.npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

using RegexPtr = std::shared_ptr<const RE2>;
Result<RegexPtr> compile(std::string_view source) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  auto regex = std::make_shared<const RE2>(re2::StringPiece(source.data(), source.size()), options);
  if (!regex->ok())
    return invalid("the regular expression %" + std::string(source) + "% cannot be read: " + regex->error());
  return RegexPtr(std::move(regex));
}
bool found(const RE2& regex, std::string_view text) {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex);
}

// Reads a pattern's characters, skipping spaces between tokens.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  char peek() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  char raw() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  char next() { return at_ < text_.size() ? text_[at_++] : '\0'; }
  bool at_end() { return peek() == '\0' && at_ >= text_.size(); }
  bool take(std::string_view token) {
    peek();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  // A whole word, whatever its case.
  bool take_keyword(std::string_view word) {
    peek();
    if (at_ + word.size() > text_.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i)
      if (std::toupper(static_cast<unsigned char>(text_[at_ + i])) != word[i]) return false;
    if (at_ + word.size() < text_.size() && is_word(text_[at_ + word.size()])) return false;
    at_ += word.size();
    return true;
  }
  // After the opening quote.
  Result<std::string> quoted(char quote) {
    std::string out;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == quote) return out;
      if (c == '\\' && at_ < text_.size() && (text_[at_] == quote || text_[at_] == '\\'))
        out += text_[at_++];
      else
        out += c;
    }
    return invalid(std::string("a ") + quote + " is not closed");
  }
  // After the opening percent sign: a backslash keeps its meaning in the expression.
  Result<std::string> percent_quoted() {
    std::string out;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '%') return out;
      if (c == '\\' && at_ < text_.size() && text_[at_] == '%')
        out += text_[at_++];
      else
        out += c;
    }
    return invalid("a % is not closed");
  }
  std::size_t position() const { return at_; }
  std::string_view rest() const { return text_.substr(at_); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// --- what a field is compared with

enum class Operator { equal, not_equal, less, less_equal, greater, greater_equal };

struct Operand {
  std::string text;
  std::optional<double> number;
  RegexPtr regex;
  bool was_quoted = false;

  bool equals_text(std::string_view value) const {
    if (regex) return found(*regex, value);
    return text.find('*') != std::string::npos ? matches_wildcard(text, value) : text == value;
  }
  bool compares(Operator op, double value) const {
    switch (op) {
      case Operator::equal:
        return value == *number;
      case Operator::not_equal:
        return value != *number;
      case Operator::less:
        return value < *number;
      case Operator::less_equal:
        return value <= *number;
      case Operator::greater:
        return value > *number;
      case Operator::greater_equal:
        return value >= *number;
    }
    return false;
  }
};

std::optional<Operator> take_operator(Scanner& scanner) {
  if (scanner.take("!=")) return Operator::not_equal;
  if (scanner.take("<=")) return Operator::less_equal;
  if (scanner.take(">=")) return Operator::greater_equal;
  if (scanner.take("=")) return Operator::equal;
  if (scanner.take("<")) return Operator::less;
  if (scanner.take(">")) return Operator::greater;
  return std::nullopt;
}

Result<Operand> take_operand(Scanner& scanner, Operator op, std::string_view stops) {
  Operand operand;
  const char first = scanner.peek();
  if (first == '"') {
    scanner.next();
    TRY(operand.text, scanner.quoted('"'));
    operand.was_quoted = true;
  } else if (first == '%') {
    scanner.next();
    TRY(const std::string source, scanner.percent_quoted());
    TRY(operand.regex, compile(source));
  } else {
    while (scanner.raw() != '\0' && !is_space(scanner.raw()) && stops.find(scanner.raw()) == stops.npos)
      operand.text += scanner.next();
    if (operand.text.empty()) return invalid("a value is missing after the operator");
    operand.number = number_of(operand.text);
  }
  if (op != Operator::equal && op != Operator::not_equal && !operand.number)
    return invalid("<, <=, > and >= compare with a number");
  return operand;
}

// --- terms: ERROR "out of memory" -debug ?a ?b %regex%

struct TermMatcher final : FilterPattern::Matcher {
  struct Term {
    std::string text;
    RegexPtr regex;
    bool is_in(std::string_view message) const { return regex ? found(*regex, message) : contains(message); }
    // A bare or quoted term is found as written, case-sensitively.
    bool contains(std::string_view message) const { return message.find(text) != message.npos; }
  };
  std::vector<Term> required, excluded, optional;

  bool matches(std::string_view message) const override {
    const auto in = [&](const Term& term) { return term.is_in(message); };
    if (!optional.empty()) return std::ranges::any_of(optional, in);
    return std::ranges::all_of(required, in) && std::ranges::none_of(excluded, in);
  }
};

Result<std::shared_ptr<const FilterPattern::Matcher>> parse_terms(std::string_view text) {
  auto matcher = std::make_shared<TermMatcher>();
  Scanner scanner(text);
  while (!scanner.at_end()) {
    std::vector<TermMatcher::Term>* kind = &matcher->required;
    if (scanner.take("-"))
      kind = &matcher->excluded;
    else if (scanner.take("?"))
      kind = &matcher->optional;
    TermMatcher::Term term;
    if (scanner.raw() == '"') {
      scanner.next();
      TRY(term.text, scanner.quoted('"'));
    } else if (scanner.raw() == '%') {
      scanner.next();
      TRY(const std::string source, scanner.percent_quoted());
      TRY(term.regex, compile(source));
    } else {
      while (scanner.raw() != '\0' && !is_space(scanner.raw())) {
        if (!is_word(scanner.raw()) && scanner.raw() != '.' && scanner.raw() != '/' && scanner.raw() != ':' &&
            scanner.raw() != '-')
          return invalid("the term with '" + std::string(1, scanner.raw()) + "' must be in double quotes");
        term.text += scanner.next();
      }
    }
    if (!term.regex && term.text.empty()) return invalid("a term is empty");
    kind->push_back(std::move(term));
  }
  if (!matcher->optional.empty() && (!matcher->required.empty() || !matcher->excluded.empty()))
    return invalid("terms with ? cannot be combined with other terms");
  return std::shared_ptr<const FilterPattern::Matcher>(std::move(matcher));
}

// --- boolean expressions, shared by JSON selectors and fields

template <class Leaf>
struct Expression {
  enum class Kind { leaf, all_of, any_of } kind = Kind::leaf;
  Leaf leaf;
  std::vector<Expression> parts;

  template <class Test>
  bool holds(const Test& test) const {
    if (kind == Kind::leaf) return test(leaf);
    const auto part_holds = [&](const Expression& part) { return part.holds(test); };
    return kind == Kind::all_of ? std::ranges::all_of(parts, part_holds) : std::ranges::any_of(parts, part_holds);
  }
};

template <class Leaf, class ParseLeaf>
Result<Expression<Leaf>> parse_any_of(Scanner& scanner, const ParseLeaf& parse_leaf, int depth);

template <class Leaf, class ParseLeaf>
Result<Expression<Leaf>> parse_primary(Scanner& scanner, const ParseLeaf& parse_leaf, int depth) {
  if (depth > nesting_max) return invalid("too many parentheses");
  if (scanner.take("(")) {
    TRY(auto inner, parse_any_of<Leaf>(scanner, parse_leaf, depth + 1));
    if (!scanner.take(")")) return invalid("a ( is not closed");
    return inner;
  }
  Expression<Leaf> expression;
  TRY(expression.leaf, parse_leaf(scanner));
  return expression;
}

template <class Leaf, class ParseLeaf>
Result<Expression<Leaf>> parse_all_of(Scanner& scanner, const ParseLeaf& parse_leaf, int depth) {
  TRY(auto first, parse_primary<Leaf>(scanner, parse_leaf, depth));
  if (!scanner.take("&&")) return first;
  Expression<Leaf> all;
  all.kind = Expression<Leaf>::Kind::all_of;
  all.parts.push_back(std::move(first));
  do {
    TRY(auto part, parse_primary<Leaf>(scanner, parse_leaf, depth));
    all.parts.push_back(std::move(part));
  } while (scanner.take("&&"));
  return all;
}

template <class Leaf, class ParseLeaf>
Result<Expression<Leaf>> parse_any_of(Scanner& scanner, const ParseLeaf& parse_leaf, int depth) {
  TRY(auto first, parse_all_of<Leaf>(scanner, parse_leaf, depth));
  if (!scanner.take("||")) return first;
  Expression<Leaf> any;
  any.kind = Expression<Leaf>::Kind::any_of;
  any.parts.push_back(std::move(first));
  do {
    TRY(auto part, parse_all_of<Leaf>(scanner, parse_leaf, depth));
    any.parts.push_back(std::move(part));
  } while (scanner.take("||"));
  return any;
}

// --- JSON: { $.a.b[0] = "x" && ($.n > 3 || $.c IS NULL) }

struct Selector {
  struct Step {
    std::string key;
    std::optional<std::size_t> index;
    bool every_element = false;
  };
  std::vector<Step> steps;
  enum class Test { compare, is_null, is_true, is_false, exists, not_exists } test = Test::compare;
  Operator op = Operator::equal;
  Operand operand;
};

Result<Selector> parse_selector(Scanner& scanner) {
  Selector selector;
  if (!scanner.take("$")) return invalid("a selector starts with $");
  for (;;) {
    if (scanner.raw() == '.') {
      scanner.next();
      if (scanner.raw() == '[') continue;  // $.['a.b'] is $['a.b']
      Selector::Step step;
      while (is_word(scanner.raw()) || scanner.raw() == '-' || scanner.raw() == ':') step.key += scanner.next();
      if (step.key.empty()) return invalid("a property name is missing after '.'");
      selector.steps.push_back(std::move(step));
    } else if (scanner.raw() == '[') {
      scanner.next();
      Selector::Step step;
      if (scanner.take("*")) {
        step.every_element = true;
      } else if (scanner.peek() == '"' || scanner.peek() == '\'') {
        TRY(step.key, scanner.quoted(scanner.next()));
      } else {
        std::string digits;
        while (std::isdigit(static_cast<unsigned char>(scanner.raw()))) digits += scanner.next();
        if (digits.empty() || digits.size() > 6) return invalid("an array index is a number");
        step.index = static_cast<std::size_t>(std::stoul(digits));
      }
      if (!scanner.take("]")) return invalid("a [ is not closed");
      selector.steps.push_back(std::move(step));
    } else {
      break;
    }
  }
  if (selector.steps.empty()) return invalid("a selector names a property, as $.name");
  if (scanner.take_keyword("IS")) {
    if (scanner.take_keyword("NULL"))
      selector.test = Selector::Test::is_null;
    else if (scanner.take_keyword("TRUE"))
      selector.test = Selector::Test::is_true;
    else if (scanner.take_keyword("FALSE"))
      selector.test = Selector::Test::is_false;
    else
      return invalid("IS is followed by NULL, TRUE or FALSE");
    return selector;
  }
  if (scanner.take_keyword("NOT")) {
    if (!scanner.take_keyword("EXISTS")) return invalid("NOT is followed by EXISTS");
    selector.test = Selector::Test::not_exists;
    return selector;
  }
  if (scanner.take_keyword("EXISTS")) {
    selector.test = Selector::Test::exists;
    return selector;
  }
  const auto op = take_operator(scanner);
  if (!op) return invalid("an operator is missing after the selector");
  selector.op = *op;
  TRY(selector.operand, take_operand(scanner, *op, "()&|}"));
  return selector;
}

bool compare(const Selector& selector, const boost::json::value& value) {
  if (value.is_number()) {
    const double number = value.to_number<double>();
    if (selector.operand.number) return selector.operand.compares(selector.op, number);
    // As one writes it: 1.5, not 1.5E0.
    const std::string shown = value.is_double() ? fmt::format("{}", number) : boost::json::serialize(value);
    const bool equal = selector.operand.equals_text(shown);
    return selector.op == Operator::not_equal ? !equal : equal;
  }
  std::string text;
  if (value.is_string())
    text = value.get_string();
  else if (value.is_bool())
    text = value.get_bool() ? "true" : "false";
  else
    return false;  // null, objects and arrays equal nothing
  if (selector.op != Operator::equal && selector.op != Operator::not_equal) return false;
  const bool equal = selector.operand.equals_text(text);
  return selector.op == Operator::not_equal ? !equal : equal;
}

bool holds_at(const Selector& selector, const boost::json::value* value, std::size_t step) {
  for (; step < selector.steps.size() && value; ++step) {
    const Selector::Step& s = selector.steps[step];
    if (s.every_element) {
      if (!value->is_array()) return selector.test == Selector::Test::not_exists;
      return std::ranges::any_of(value->get_array(),
                                 [&](const auto& element) { return holds_at(selector, &element, step + 1); });
    }
    if (s.index)
      value = value->is_array() && *s.index < value->get_array().size() ? &value->get_array()[*s.index] : nullptr;
    else
      value = value->is_object() ? value->get_object().if_contains(s.key) : nullptr;
  }
  switch (selector.test) {
    case Selector::Test::not_exists:
      return !value;
    case Selector::Test::exists:
      return value;
    case Selector::Test::is_null:
      return value && value->is_null();
    case Selector::Test::is_true:
      return value && value->is_bool() && value->get_bool();
    case Selector::Test::is_false:
      return value && value->is_bool() && !value->get_bool();
    case Selector::Test::compare:
      return value && compare(selector, *value);
  }
  return false;
}

struct JsonMatcher final : FilterPattern::Matcher {
  Expression<Selector> expression;
  bool matches(std::string_view message) const override {
    boost::system::error_code error;
    const boost::json::value document = boost::json::parse(message, error);
    if (error || !document.is_object()) return false;
    return expression.holds([&](const Selector& selector) { return holds_at(selector, &document, 0); });
  }
};

// --- fields: [ip, user, ..., status = 4*, bytes > 1000]

struct FieldTest {
  std::string name;  // the field this is of
  bool any = false;  // the field is named without a condition
  Operator op = Operator::equal;
  Operand operand;

  bool holds(std::string_view value) const {
    if (any) return true;
    if (operand.number) {
      const auto number = number_of(value);
      if (number) return operand.compares(op, *number);
      if (op != Operator::equal && op != Operator::not_equal) return false;
    }
    const bool equal = operand.equals_text(value);
    return op == Operator::not_equal ? !equal : equal;
  }
};

Result<FieldTest> parse_field_test(Scanner& scanner) {
  FieldTest test;
  // AWS: [..., status_code = 4*,] has a last field without a name.
  if (scanner.peek() == ',' || scanner.peek() == ']') {
    test.any = true;
    return test;
  }
  while (is_word(scanner.raw()) || scanner.raw() == '-') test.name += scanner.next();
  if (test.name.empty()) return invalid("a field name is missing");
  const auto op = take_operator(scanner);
  if (!op) {
    test.any = true;
    return test;
  }
  test.op = *op;
  TRY(test.operand, take_operand(scanner, *op, ",]&|()"));
  return test;
}

// Whitespace apart; "…" and […] are one field each, without the marks.
std::vector<std::string_view> split_fields(std::string_view message) {
  std::vector<std::string_view> fields;
  for (std::size_t at = 0; at < message.size();) {
    if (is_space(message[at])) {
      ++at;
      continue;
    }
    const char close = message[at] == '"' ? '"' : message[at] == '[' ? ']' : '\0';
    if (const auto end = close ? message.find(close, at + 1) : message.npos; end != message.npos) {
      fields.push_back(message.substr(at + 1, end - at - 1));
      at = end + 1;
      continue;
    }
    std::size_t end = at;
    while (end < message.size() && !is_space(message[end])) ++end;
    fields.push_back(message.substr(at, end - at));
    at = end;
  }
  return fields;
}

struct FieldMatcher final : FilterPattern::Matcher {
  std::vector<Expression<FieldTest>> before, after;  // around the ellipsis
  bool has_ellipsis = false;

  bool matches(std::string_view message) const override {
    const std::vector<std::string_view> fields = split_fields(message);
    if (has_ellipsis ? fields.size() < before.size() + after.size() : fields.size() != before.size()) return false;
    const auto holds = [&](const Expression<FieldTest>& expression, std::string_view value) {
      return expression.holds([&](const FieldTest& test) { return test.holds(value); });
    };
    for (std::size_t i = 0; i < before.size(); ++i)
      if (!holds(before[i], fields[i])) return false;
    for (std::size_t i = 0; i < after.size(); ++i)
      if (!holds(after[i], fields[fields.size() - after.size() + i])) return false;
    return true;
  }
};

Result<std::shared_ptr<const FilterPattern::Matcher>> parse_fields(Scanner& scanner) {
  auto matcher = std::make_shared<FieldMatcher>();
  if (scanner.peek() == ']') return invalid("there are no fields between [ and ]");
  do {
    if (scanner.take("...")) {
      if (matcher->has_ellipsis) return invalid("there can be only one ...");
      matcher->has_ellipsis = true;
      continue;
    }
    TRY(auto expression, parse_any_of<FieldTest>(scanner, parse_field_test, 0));
    (matcher->has_ellipsis ? matcher->after : matcher->before).push_back(std::move(expression));
  } while (scanner.take(","));
  if (!scanner.take("]")) return invalid("a [ is not closed");
  if (!scanner.at_end()) return invalid("there is something after the ]");
  return std::shared_ptr<const FilterPattern::Matcher>(std::move(matcher));
}

}  // namespace

Result<FilterPattern> FilterPattern::parse(std::string_view text) {
  if (text.size() > pattern_length_max) return invalid("it is longer than 1024 characters");
  Scanner scanner(text);
  if (scanner.at_end()) return FilterPattern(nullptr);
  if (scanner.take("{")) {
    auto matcher = std::make_shared<JsonMatcher>();
    TRY(matcher->expression, parse_any_of<Selector>(scanner, parse_selector, 0));
    if (!scanner.take("}")) return invalid("a { is not closed");
    if (!scanner.at_end()) return invalid("there is something after the }");
    return FilterPattern(std::move(matcher));
  }
  if (scanner.take("[")) {
    TRY(auto matcher, parse_fields(scanner));
    return FilterPattern(std::move(matcher));
  }
  TRY(auto matcher, parse_terms(text));
  return FilterPattern(std::move(matcher));
}

bool FilterPattern::matches(std::string_view message) const {
  return !matcher_ || matcher_->matches(message);
}

}  // namespace hearth::logs
