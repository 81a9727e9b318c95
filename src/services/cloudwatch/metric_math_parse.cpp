#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <set>

#include "base/text.h"
#include "services/cloudwatch/metric_math.h"
#include "services/cloudwatch/metric_math_syntax.h"

namespace hearth::cloudwatch::math {
namespace {

constexpr std::array<std::string_view, 7> not_served = {
    "SEARCH", "ANOMALY_DETECTION_BAND", "INSIGHT_RULE_METRIC", "SELECT", "LAMBDA", "DB_PERF_INSIGHTS", "SERVICE_QUOTA"};

// By rising strength; each level is left-associative but the power, which comes last.
using Level = std::vector<std::string_view>;
const std::array<Level, 5> operator_levels = {
    Level{"||", "OR"}, Level{"&&", "AND"}, Level{"==", "!=", "<=", ">=", "<", ">"}, Level{"+", "-"}, Level{"*", "/"}};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Node> parse() {
    TRY(Node root, binary(0));
    skip_spaces();
    if (at_ < text_.size()) return mistake("unexpected '" + std::string(1, text_[at_]) + "'");
    return root;
  }

 private:
  static constexpr int depth_max = 100;  // an expression is at most 2048 characters; do not let them be all parentheses

  Error mistake(std::string what) const {
    return Error(ErrorKind::invalid, fmt::format("{} at position {}", what, at_ + 1));
  }

  void skip_spaces() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }

  static bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

  bool take(std::string_view token) {
    skip_spaces();
    if (!text_.substr(at_).starts_with(token)) return false;
    const bool token_is_word = is_word(token.front());
    const std::size_t end = at_ + token.size();
    if (token_is_word && end < text_.size() && is_word(text_[end])) return false;
    at_ = end;
    return true;
  }

  Result<Node> binary(std::size_t level) {
    if (level == operator_levels.size()) return unary();
    TRY(Node left, binary(level + 1));
    for (;;) {
      std::string found;
      for (const std::string_view token : operator_levels[level]) {
        if (!take(token)) continue;
        found = token == "OR" ? "||" : token == "AND" ? "&&" : std::string(token);
        break;
      }
      if (found.empty()) return left;
      TRY(Node right, binary(level + 1));
      Node operation{.kind = NodeKind::operation, .text = std::move(found)};
      operation.children.push_back(std::move(left));
      operation.children.push_back(std::move(right));
      left = std::move(operation);
    }
  }

  // -x ^ y is -(x ^ y), and x ^ -y is allowed.
  Result<Node> unary() {
    if (++depth_ > depth_max) return mistake("too deeply nested");
    Result<Node> node = take("-") ? negation() : power();
    --depth_;
    return node;
  }

  Result<Node> power() {
    TRY(Node base, primary());
    if (!take("^")) return base;
    TRY(Node exponent, unary());
    Node operation{.kind = NodeKind::operation, .text = "^"};
    operation.children.push_back(std::move(base));
    operation.children.push_back(std::move(exponent));
    return operation;
  }

  Result<Node> negation() {
    TRY(Node operand, unary());
    Node node{.kind = NodeKind::negation};
    node.children.push_back(std::move(operand));
    return node;
  }

  Result<Node> primary() {
    skip_spaces();
    if (at_ >= text_.size()) return mistake("the expression ends too early");
    const char c = text_[at_];
    if (take("(")) {
      TRY(Node inner, binary(0));
      if (!take(")")) return mistake("')' is missing");
      return inner;
    }
    if (take("[")) return array();
    if (std::isdigit(static_cast<unsigned char>(c)) || c == '.') return number();
    if (c == '"' || c == '\'') return text();
    if (is_word(c)) return name_or_call();
    return mistake("unexpected '" + std::string(1, c) + "'");
  }

  // [m1, m2, 0]: several series as one argument.
  Result<Node> array() {
    Node array{.kind = NodeKind::array};
    do {
      TRY(Node element, binary(0));
      array.children.push_back(std::move(element));
    } while (take(","));
    if (!take("]")) return mistake("']' is missing");
    return array;
  }

  Result<Node> number() {
    Node node;
    const auto parsed = std::from_chars(text_.data() + at_, text_.data() + text_.size(), node.number);
    if (parsed.ec != std::errc()) return mistake("not a number");
    at_ = static_cast<std::size_t>(parsed.ptr - text_.data());
    return node;
  }

  Result<Node> text() {
    const char quote = text_[at_++];
    const std::size_t end = text_.find(quote, at_);
    if (end == text_.npos) return mistake("a quote is missing");
    Node node{.kind = NodeKind::text, .text = std::string(text_.substr(at_, end - at_))};
    at_ = end + 1;
    return node;
  }

  Result<Node> name_or_call() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    std::string word(text_.substr(start, at_ - start));
    if (!take("(")) return Node{.kind = NodeKind::name, .text = std::move(word)};

    for (char& letter : word) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    if (std::ranges::find(not_served, std::string_view(word)) != not_served.end())
      return Error(ErrorKind::unsupported, "The function " + word + " is not served here");
    Node call{.kind = NodeKind::call, .text = std::move(word)};
    if (take(")")) return call;
    do {
      TRY(Node argument, binary(0));
      call.children.push_back(std::move(argument));
    } while (take(","));
    if (!take(")")) return mistake("')' is missing");
    return call;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

// Ids start with a lower-case letter; REPEAT, DESC and the like are words of the language.
bool is_id(std::string_view word) {
  return std::islower(static_cast<unsigned char>(word.front())) != 0;
}

void collect_names(const Node& node, std::set<std::string>& names) {
  if (node.kind == NodeKind::name && is_id(node.text)) names.insert(node.text);
  for (const Node& child : node.children) collect_names(child, names);
}

}  // namespace

Result<Expression> Expression::parse(std::string_view text) {
  // Metrics insights queries are no metric math: say so instead of where the first mistake is.
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start != text.npos && equal_ignoring_case(text.substr(start, 7), "SELECT "))
    return Error(ErrorKind::unsupported, "Metrics insights queries are not served here");
  TRY(Node root, Parser(text).parse());
  return Expression(std::make_shared<const Node>(std::move(root)));
}

std::vector<std::string> Expression::references() const {
  std::set<std::string> names;
  collect_names(*root_, names);
  return {names.begin(), names.end()};
}

}  // namespace hearth::cloudwatch::math
