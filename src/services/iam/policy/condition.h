// One line of a Condition block: an operator, a key, and the values it may have.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "services/iam/policy/pattern.h"

namespace hearth::policy {

enum class Comparison : std::uint8_t {
  string_equals,
  string_equals_ignoring_case,
  string_like,
  numeric_equals,
  numeric_less_than,
  numeric_less_than_equals,
  numeric_greater_than,
  numeric_greater_than_equals,
  date_equals,
  date_less_than,
  date_less_than_equals,
  date_greater_than,
  date_greater_than_equals,
  boolean,
  binary_equals,
  ip_address,
  arn_like,
  null,
};

enum class Quantifier : std::uint8_t { none, for_all_values, for_any_value };

// "ForAnyValue:StringNotLikeIfExists" in parts.
struct Operator {
  Comparison comparison = Comparison::string_equals;
  bool negated = false;    // …Not…
  bool if_exists = false;  // a missing key counts as a match
  Quantifier quantifier = Quantifier::none;
};
// Null for a name AWS does not know.
std::optional<Operator> parse_operator(std::string_view name);

// An IPv4 or IPv6 network. IPv4 addresses written as IPv6 (::ffff:10.0.0.1) are IPv4.
struct IpNetwork {
  std::array<unsigned char, 16> bytes{};
  bool is_v6 = false;
  int prefix_length = 0;
  static std::optional<IpNetwork> parse(std::string_view text);  // "10.0.0.0/8", "2001:db8::/32" or one address
  bool contains(const IpNetwork& address) const;
};

class Condition {
 public:
  // ErrorKind::invalid when a value does not fit the operator.
  static Result<Condition> parse(std::string_view operator_name, std::string_view key,
                                 const std::vector<std::string>& values, bool variables_allowed);

  // `unresolved` when the answer hangs on a policy variable that the request does not know.
  Match matches(const Facts& facts) const;

  const std::string& key() const { return key_; }  // lower case
  bool is_negated() const { return operator_.negated; }
  const std::string& operator_name() const { return operator_name_; }
  void collect_variable_names(std::vector<std::string>& names) const;

 private:
  using Operand = std::variant<Pattern, double, TimePoint, IpNetwork, std::string>;
  static Result<Operand> parse_operand(const Operator& op, std::string_view operator_name, const std::string& text,
                                       bool variables_allowed);
  // Whether the request's value equals (is less than, lies in, …) the operand; negation comes later.
  Match compare(const std::string& value, const Operand& operand, const Facts& facts) const;
  // Whether it does so with any operand.
  Match compare_any(const std::string& value, const Facts& facts) const;

  Operator operator_;
  std::string operator_name_;
  std::string key_;
  std::vector<Operand> operands_;
};

}  // namespace hearth::policy
