#include "services/sns/filter_policy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <functional>
#include <optional>
#include <vector>

#include "base/text.h"

namespace hearth::sns {
namespace {

namespace json = boost::json;

constexpr std::size_t rule_count_max = 150;  // AWS: combinations of values in one policy
constexpr std::size_t nesting_max = 8;

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

Error invalid(std::string_view what) {
  return Error(ErrorKind::invalid, "FilterPolicy: " + std::string(what));
}

// One rule on one value. A missing value is null.
using Test = std::function<bool(const json::value* value)>;
struct Rule {
  Test test;
  bool is_about_presence = false;  // looks at the value as it is, not at the elements of a list
};

// On a string; anything else does not match.
template <class OfText>
Test text_test(OfText of_text) {
  return
      [of_text](const json::value* value) { return value && value->is_string() && of_text(view(value->get_string())); };
}

// '*' stands for any text.
bool matches_wildcard(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  text.remove_prefix(star);
  pattern.remove_prefix(star + 1);
  for (;;) {
    const std::size_t next = pattern.find('*');
    const std::string_view part = pattern.substr(0, next);
    if (next == pattern.npos) return text.size() >= part.size() && text.ends_with(part);
    const std::size_t found = text.find(part);
    if (found == text.npos) return false;
    text.remove_prefix(found + part.size());
    pattern.remove_prefix(next + 1);
  }
}

// An IPv4 or IPv6 address as its 4 or 16 bytes; empty if it is none.
std::string address_bytes(std::string_view text) {
  std::array<char, 16> bytes{};
  const std::string address(text);
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return {bytes.data(), 4};
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return {bytes.data(), bytes.size()};
  return {};
}

bool has_prefix_bits(std::string_view address, std::string_view network, std::size_t bit_count) {
  if (address.size() != network.size()) return false;
  const std::size_t whole = bit_count / 8, rest = bit_count % 8;
  if (address.substr(0, whole) != network.substr(0, whole)) return false;
  if (rest == 0) return true;
  const auto mask = static_cast<unsigned char>(0xff << (8 - rest));
  return ((static_cast<unsigned char>(address[whole]) ^ static_cast<unsigned char>(network[whole])) & mask) == 0;
}

bool equal(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  return a == b;
}

Result<Test> parse_numeric(const json::value& spec) {
  if (!spec.is_array() || spec.get_array().empty() || spec.get_array().size() % 2 != 0)
    return invalid("numeric wants a list of operator and number pairs");
  struct Bound {
    std::string comparison;
    double number;
  };
  std::vector<Bound> bounds;
  const json::array& list = spec.get_array();
  for (std::size_t i = 0; i < list.size(); i += 2) {
    if (!list[i].is_string() || !list[i + 1].is_number())
      return invalid("numeric wants a list of operator and number pairs");
    std::string comparison(view(list[i].get_string()));
    constexpr std::string_view known[] = {"=", "<", "<=", ">", ">="};
    if (std::ranges::find(known, comparison) == std::end(known)) return invalid("numeric knows =, <, <=, > and >=");
    bounds.push_back({std::move(comparison), list[i + 1].to_number<double>()});
  }
  return Test([bounds](const json::value* value) {
    if (!value || !value->is_number()) return false;
    const double number = value->to_number<double>();
    return std::ranges::all_of(bounds, [&](const Bound& bound) {
      if (bound.comparison == "=") return number == bound.number;
      if (bound.comparison == "<") return number < bound.number;
      if (bound.comparison == "<=") return number <= bound.number;
      if (bound.comparison == ">") return number > bound.number;
      return number >= bound.number;
    });
  });
}

Result<Test> parse_cidr(const json::value& spec) {
  const auto bad = invalid("cidr wants a network, as 10.0.0.0/8");
  if (!spec.is_string()) return bad;
  const std::string_view text = view(spec.get_string());
  const std::size_t slash = text.find('/');
  const std::string network = address_bytes(text.substr(0, slash));
  if (network.empty() || slash == text.npos) return bad;
  std::size_t bit_count = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + slash + 1, end, bit_count);
  if (parsed.ec != std::errc() || parsed.ptr != end || bit_count > network.size() * 8) return bad;
  return text_test([network, bit_count](std::string_view address) {
    return has_prefix_bits(address_bytes(address), network, bit_count);
  });
}

bool is_text_operator(std::string_view name) {
  return name == "prefix" || name == "suffix" || name == "wildcard" || name == "equals-ignore-case";
}

// The operators that compare with one text.
Result<Test> parse_text_operator(std::string_view name, const json::value& spec) {
  if (!spec.is_string()) return invalid(std::string(name) + " wants a string");
  const std::string wanted(view(spec.get_string()));
  if (name == "prefix") return text_test([wanted](std::string_view text) { return text.starts_with(wanted); });
  if (name == "suffix") return text_test([wanted](std::string_view text) { return text.ends_with(wanted); });
  if (name == "equals-ignore-case")
    return text_test([wanted](std::string_view text) { return equal_ignoring_case(text, wanted); });
  if (wanted.find("**") != wanted.npos) return invalid("wildcard does not take two * in a row");
  return text_test([wanted](std::string_view text) { return matches_wildcard(wanted, text); });
}

Result<Test> parse_anything_but(const json::value& spec) {
  if (spec.is_object()) {
    if (spec.get_object().size() != 1) return invalid("anything-but wants one rule");
    const auto& [name, inner] = *spec.get_object().begin();
    if (!is_text_operator(std::string_view(name)))
      return invalid("anything-but knows values, prefix, suffix, wildcard and equals-ignore-case");
    const json::array alternatives = inner.is_array() ? inner.get_array() : json::array{inner};
    std::vector<Test> unwanted;
    for (const json::value& alternative : alternatives) {
      TRY(Test test, parse_text_operator(std::string_view(name), alternative));
      unwanted.push_back(std::move(test));
    }
    return Test([unwanted](const json::value* value) {
      return value && std::ranges::none_of(unwanted, [&](const Test& test) { return test(value); });
    });
  }
  const json::array unwanted = spec.is_array() ? spec.get_array() : json::array{spec};
  if (unwanted.empty()) return invalid("anything-but wants at least one value");
  for (const json::value& item : unwanted)
    if (!item.is_string() && !item.is_number()) return invalid("anything-but wants strings or numbers");
  return Test([unwanted](const json::value* value) {
    return value && std::ranges::none_of(unwanted, [&](const json::value& item) { return equal(item, *value); });
  });
}

Result<Test> parse_test(const json::value& spec) {
  if (spec.is_string() || spec.is_number() || spec.is_bool() || spec.is_null())
    return Test([spec](const json::value* value) { return value && equal(spec, *value); });
  if (!spec.is_object() || spec.get_object().size() != 1)
    return invalid("a rule is a value or an object with one operator");
  const auto& [name, argument] = *spec.get_object().begin();
  if (is_text_operator(std::string_view(name))) return parse_text_operator(std::string_view(name), argument);
  if (name == "anything-but") return parse_anything_but(argument);
  if (name == "numeric") return parse_numeric(argument);
  if (name == "cidr") return parse_cidr(argument);
  if (name == "exists") {
    if (!argument.is_bool()) return invalid("exists wants true or false");
    return Test([wanted = argument.get_bool()](const json::value* value) { return (value != nullptr) == wanted; });
  }
  return invalid("the operator " + std::string(name) + " is not served");
}

Result<Rule> parse_rule(const json::value& spec) {
  TRY(Test test, parse_test(spec));
  return Rule{std::move(test), spec.is_object() && spec.get_object().contains("exists")};
}

bool holds(const Rule& rule, const json::value* value) {
  if (value && value->is_array() && !rule.is_about_presence)
    return std::ranges::any_of(value->get_array(), [&](const json::value& item) { return holds(rule, &item); });
  return rule.test(value);
}

// Message attributes as the JSON a policy is written against.
json::object attributes_as_json(const MessageAttributes& attributes) {
  json::object object;
  for (const auto& [name, attribute] : attributes) {
    boost::system::error_code error;
    if (attribute.type.starts_with("String.Array")) {
      json::value list = json::parse(attribute.value, error);
      if (!error) object[name] = std::move(list);
    } else if (attribute.type.starts_with("Number")) {
      json::value number = json::parse(attribute.value, error);
      if (!error && number.is_number()) object[name] = std::move(number);
    } else if (!attribute.type.starts_with("Binary")) {
      object[name] = attribute.value;
    }
  }
  return object;
}

}  // namespace

// A key wants one of its rules, or leads deeper. All keys must be content, and one member of each $or.
struct FilterPolicy::Node {
  std::map<std::string, std::vector<Rule>> rules;
  std::map<std::string, Node> children;
  std::vector<std::vector<Node>> alternatives;

  static Result<Node> parse(const json::object& object, Scope scope, std::size_t depth, std::size_t& rule_count) {
    if (depth > nesting_max) return invalid("nested too deeply");
    Node node;
    for (const auto& [key, value] : object) {
      if (key == "$or") {
        TRY_DO(node.parse_or(value, scope, depth, rule_count));
        continue;
      }
      if (value.is_object() && scope == Scope::body) {
        TRY(node.children[std::string(key)], parse(value.get_object(), scope, depth + 1, rule_count));
        continue;
      }
      if (!value.is_array() || value.get_array().empty())
        return invalid("\"" + std::string(key) + "\" must hold a list of rules");
      for (const json::value& spec : value.get_array()) {
        if (++rule_count > rule_count_max) return invalid("too many rules");
        TRY(Rule rule, parse_rule(spec));
        node.rules[std::string(key)].push_back(std::move(rule));
      }
    }
    return node;
  }

  Result<void> parse_or(const json::value& value, Scope scope, std::size_t depth, std::size_t& rule_count) {
    if (!value.is_array() || value.get_array().size() < 2) return invalid("$or wants a list of two policies or more");
    std::vector<Node>& members = alternatives.emplace_back();
    for (const json::value& member : value.get_array()) {
      if (!member.is_object() || member.get_object().empty()) return invalid("$or wants a list of policies");
      TRY(Node node, parse(member.get_object(), scope, depth + 1, rule_count));
      members.push_back(std::move(node));
    }
    return ok;
  }

  bool accepts(const json::object& message) const {
    for (const auto& [key, wanted] : rules) {
      const json::value* value = message.if_contains(key);
      if (std::ranges::none_of(wanted, [&](const Rule& rule) { return holds(rule, value); })) return false;
    }
    for (const auto& [key, child] : children)
      if (!child.accepts_value(message.if_contains(key))) return false;
    return std::ranges::all_of(alternatives, [&](const std::vector<Node>& members) {
      return std::ranges::any_of(members, [&](const Node& member) { return member.accepts(message); });
    });
  }

  // AWS: in a list of objects one of them must be as the policy wants it.
  bool accepts_value(const json::value* value) const {
    if (value && value->is_array())
      return std::ranges::any_of(value->get_array(), [&](const json::value& item) { return accepts_value(&item); });
    return accepts(value && value->is_object() ? value->get_object() : json::object());
  }
};

FilterPolicy::FilterPolicy(std::unique_ptr<Node> root, Scope scope) : root_(std::move(root)), scope_(scope) {}
FilterPolicy::FilterPolicy(FilterPolicy&&) noexcept = default;
FilterPolicy::~FilterPolicy() = default;

Result<FilterPolicy> FilterPolicy::parse(std::string_view text, Scope scope) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return invalid("failed to parse JSON");
  std::size_t rule_count = 0;
  TRY(Node node, Node::parse(value.get_object(), scope, 0, rule_count));
  return FilterPolicy(std::make_unique<Node>(std::move(node)), scope);
}

bool FilterPolicy::accepts(const MessageAttributes& attributes, std::string_view body) const {
  if (scope_ == Scope::attributes) return root_->accepts(attributes_as_json(attributes));
  boost::system::error_code error;
  const json::value message = json::parse(body, error);
  // AWS: a body that is not a JSON object is not delivered to those who filter by body.
  return !error && message.is_object() && root_->accepts(message.get_object());
}

}  // namespace hearth::sns
