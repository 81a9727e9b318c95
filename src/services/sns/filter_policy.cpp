#include "services/sns/filter_policy.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <functional>
#include <optional>
#include <vector>

namespace hearth::sns {
namespace {

namespace json = boost::json;

constexpr std::size_t rule_count_max = 150;  // AWS: combinations of values in one policy
constexpr std::size_t nesting_max = 8;

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

Error invalid(std::string_view what) {
  return Error(ErrorKind::invalid, "FilterPolicy: " + std::string(what));
}

// One rule on one value. A missing value is null.
using Rule = std::function<bool(const json::value* value)>;

bool equal(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  return a == b;
}

Result<Rule> parse_numeric(const json::value& spec) {
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
  return Rule([bounds](const json::value* value) {
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

Result<Rule> parse_affix(const json::value& spec, bool is_prefix) {
  if (!spec.is_string()) return invalid("prefix and suffix want a string");
  const std::string affix(view(spec.get_string()));
  return Rule([affix, is_prefix](const json::value* value) {
    if (!value || !value->is_string()) return false;
    const std::string_view text = view(value->get_string());
    return is_prefix ? text.starts_with(affix) : text.ends_with(affix);
  });
}

Result<Rule> parse_anything_but(const json::value& spec) {
  if (spec.is_object()) {
    if (spec.get_object().size() != 1) return invalid("anything-but wants one rule");
    const auto& [name, inner] = *spec.get_object().begin();
    if (name != "prefix" && name != "suffix") return invalid("anything-but knows values, prefix and suffix");
    TRY(const Rule rule, parse_affix(inner, name == "prefix"));
    return Rule([rule](const json::value* value) { return value && !rule(value); });
  }
  const json::array unwanted = spec.is_array() ? spec.get_array() : json::array{spec};
  for (const json::value& item : unwanted)
    if (!item.is_string() && !item.is_number()) return invalid("anything-but wants strings or numbers");
  return Rule([unwanted](const json::value* value) {
    return value && std::ranges::none_of(unwanted, [&](const json::value& item) { return equal(item, *value); });
  });
}

Result<Rule> parse_rule(const json::value& spec) {
  if (spec.is_string() || spec.is_number() || spec.is_bool() || spec.is_null())
    return Rule([spec](const json::value* value) { return value && equal(spec, *value); });
  if (!spec.is_object() || spec.get_object().size() != 1)
    return invalid("a rule is a value or an object with one operator");
  const auto& [name, argument] = *spec.get_object().begin();
  if (name == "prefix") return parse_affix(argument, true);
  if (name == "suffix") return parse_affix(argument, false);
  if (name == "anything-but") return parse_anything_but(argument);
  if (name == "numeric") return parse_numeric(argument);
  if (name == "exists") {
    if (!argument.is_bool()) return invalid("exists wants true or false");
    return Rule([wanted = argument.get_bool()](const json::value* value) { return (value != nullptr) == wanted; });
  }
  if (name == "equals-ignore-case") {
    if (!argument.is_string()) return invalid("equals-ignore-case wants a string");
    return Rule([wanted = lower_case(view(argument.get_string()))](const json::value* value) {
      return value && value->is_string() && lower_case(view(value->get_string())) == wanted;
    });
  }
  return invalid("the operator " + std::string(name) + " is not served");
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

// A key wants one of its rules, or leads deeper.
struct FilterPolicy::Node {
  std::map<std::string, std::vector<Rule>> rules;
  std::map<std::string, Node> children;

  static Result<Node> parse(const json::object& object, Scope scope, std::size_t depth, std::size_t& rule_count) {
    if (depth > nesting_max) return invalid("nested too deeply");
    Node node;
    for (const auto& [key, value] : object) {
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

  bool accepts(const json::object& message) const {
    for (const auto& [key, alternatives] : rules) {
      const json::value* value = message.if_contains(key);
      const bool wanted = std::ranges::any_of(alternatives, [&](const Rule& rule) {
        if (value && value->is_array())
          return std::ranges::any_of(value->get_array(), [&](const json::value& item) { return rule(&item); });
        return rule(value);
      });
      if (!wanted) return false;
    }
    for (const auto& [key, child] : children) {
      const json::value* value = message.if_contains(key);
      const json::object nothing;
      if (!child.accepts(value && value->is_object() ? value->get_object() : nothing)) return false;
    }
    return true;
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
