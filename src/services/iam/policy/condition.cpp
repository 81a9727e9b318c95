#include "services/iam/policy/condition.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/bytes.h"

namespace hearth::policy {
namespace {

struct OperatorName {
  std::string_view name;  // lower case
  Comparison comparison;
  bool negated;
};

constexpr OperatorName operator_names[] = {
    {"stringequals", Comparison::string_equals, false},
    {"stringnotequals", Comparison::string_equals, true},
    {"stringequalsignorecase", Comparison::string_equals_ignoring_case, false},
    {"stringnotequalsignorecase", Comparison::string_equals_ignoring_case, true},
    {"stringlike", Comparison::string_like, false},
    {"stringnotlike", Comparison::string_like, true},
    {"numericequals", Comparison::numeric_equals, false},
    {"numericnotequals", Comparison::numeric_equals, true},
    {"numericlessthan", Comparison::numeric_less_than, false},
    {"numericlessthanequals", Comparison::numeric_less_than_equals, false},
    {"numericgreaterthan", Comparison::numeric_greater_than, false},
    {"numericgreaterthanequals", Comparison::numeric_greater_than_equals, false},
    {"dateequals", Comparison::date_equals, false},
    {"datenotequals", Comparison::date_equals, true},
    {"datelessthan", Comparison::date_less_than, false},
    {"datelessthanequals", Comparison::date_less_than_equals, false},
    {"dategreaterthan", Comparison::date_greater_than, false},
    {"dategreaterthanequals", Comparison::date_greater_than_equals, false},
    {"bool", Comparison::boolean, false},
    {"binaryequals", Comparison::binary_equals, false},
    {"ipaddress", Comparison::ip_address, false},
    {"notipaddress", Comparison::ip_address, true},
    // AWS: ArnEquals and ArnLike behave identically.
    {"arnequals", Comparison::arn_like, false},
    {"arnlike", Comparison::arn_like, false},
    {"arnnotequals", Comparison::arn_like, true},
    {"arnnotlike", Comparison::arn_like, true},
    {"null", Comparison::null, false},
};

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

template <class T>
bool compare_ordered(Comparison comparison, const T& value, const T& operand) {
  switch (comparison) {
    case Comparison::numeric_less_than:
    case Comparison::date_less_than:
      return value < operand;
    case Comparison::numeric_less_than_equals:
    case Comparison::date_less_than_equals:
      return value <= operand;
    case Comparison::numeric_greater_than:
    case Comparison::date_greater_than:
      return value > operand;
    case Comparison::numeric_greater_than_equals:
    case Comparison::date_greater_than_equals:
      return value >= operand;
    default:
      return value == operand;
  }
}

Match negate(Match match) {
  if (match == Match::unresolved) return match;
  return match_if(match == Match::no);
}

Error bad_value(std::string_view operator_name, std::string_view value, std::string_view expected) {
  return Error(ErrorKind::invalid, "Invalid value \"" + std::string(value) + "\" for condition operator " +
                                       std::string(operator_name) + ": expected " + std::string(expected) + ".");
}

}  // namespace

std::optional<Operator> parse_operator(std::string_view name) {
  const std::string lower_case = to_lower(name);
  std::string_view rest = lower_case;
  Operator op;
  if (take_prefix(rest, "forallvalues:"))
    op.quantifier = Quantifier::for_all_values;
  else if (take_prefix(rest, "foranyvalue:"))
    op.quantifier = Quantifier::for_any_value;
  op.if_exists = take_suffix(rest, "ifexists");
  const auto* found = std::ranges::find(operator_names, rest, &OperatorName::name);
  if (found == std::end(operator_names)) return std::nullopt;
  op.comparison = found->comparison;
  op.negated = found->negated;
  // Null asks whether the key exists; asking that "if it exists", or of each value, means nothing.
  if (op.comparison == Comparison::null && (op.if_exists || op.quantifier != Quantifier::none)) return std::nullopt;
  return op;
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  IpNetwork network;
  std::optional<int> prefix_length;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    int length = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc() || end != digits.data() + digits.size() || length < 0) return std::nullopt;
    prefix_length = length;
    text = text.substr(0, slash);
  }
  const std::string address(text);
  if (inet_pton(AF_INET, address.c_str(), network.bytes.data()) != 1) {
    if (inet_pton(AF_INET6, address.c_str(), network.bytes.data()) != 1) return std::nullopt;
    network.is_v6 = true;
  }
  constexpr std::array<unsigned char, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (network.is_v6 && std::equal(mapped_prefix.begin(), mapped_prefix.end(), network.bytes.begin()) &&
      prefix_length.value_or(128) >= 96) {
    std::copy_n(network.bytes.begin() + 12, 4, network.bytes.begin());
    std::fill(network.bytes.begin() + 4, network.bytes.end(), 0);
    network.is_v6 = false;
    if (prefix_length) *prefix_length -= 96;
  }
  const int length_max = network.is_v6 ? 128 : 32;
  network.prefix_length = prefix_length.value_or(length_max);
  if (network.prefix_length > length_max) return std::nullopt;
  return network;
}

bool IpNetwork::contains(const IpNetwork& address) const {
  if (is_v6 != address.is_v6 || address.prefix_length < prefix_length) return false;
  const std::size_t whole_bytes = static_cast<std::size_t>(prefix_length) / 8;
  if (!std::equal(bytes.begin(), bytes.begin() + whole_bytes, address.bytes.begin())) return false;
  const int bits_left = prefix_length % 8;
  if (bits_left == 0) return true;
  const int mask = 0xff << (8 - bits_left) & 0xff;
  return (bytes[whole_bytes] & mask) == (address.bytes[whole_bytes] & mask);
}

Result<Condition::Operand> Condition::parse_operand(const Operator& op, std::string_view operator_name,
                                                    const std::string& text, bool variables_allowed) {
  switch (op.comparison) {
    case Comparison::string_equals:
    case Comparison::string_equals_ignoring_case: {
      TRY(Pattern pattern, Pattern::compile(text, {.wildcards = false, .variables = variables_allowed}));
      return Operand(std::move(pattern));
    }
    case Comparison::string_like:
    case Comparison::arn_like: {
      TRY(Pattern pattern, Pattern::compile(text, {.wildcards = true, .variables = variables_allowed}));
      return Operand(std::move(pattern));
    }
    case Comparison::boolean: {
      TRY(Pattern pattern, Pattern::compile(text, {.wildcards = false, .variables = variables_allowed}));
      if (!pattern.has_variables() && !equal_ignoring_case(text, "true") && !equal_ignoring_case(text, "false"))
        return bad_value(operator_name, text, "true or false");
      return Operand(std::move(pattern));
    }
    case Comparison::null:
      if (!equal_ignoring_case(text, "true") && !equal_ignoring_case(text, "false"))
        return bad_value(operator_name, text, "true or false");
      return Operand(to_lower(text));
    case Comparison::numeric_equals:
    case Comparison::numeric_less_than:
    case Comparison::numeric_less_than_equals:
    case Comparison::numeric_greater_than:
    case Comparison::numeric_greater_than_equals: {
      const std::optional<double> number = parse_number(text);
      if (!number) return bad_value(operator_name, text, "a number");
      return Operand(*number);
    }
    case Comparison::date_equals:
    case Comparison::date_less_than:
    case Comparison::date_less_than_equals:
    case Comparison::date_greater_than:
    case Comparison::date_greater_than_equals: {
      const Result<TimePoint> time = parse_time(text);
      if (!time) return bad_value(operator_name, text, "an ISO 8601 date or seconds since the epoch");
      return Operand(*time);
    }
    case Comparison::binary_equals: {
      std::optional<std::string> bytes = from_base64(text);
      if (!bytes) return bad_value(operator_name, text, "base64");
      return Operand(*std::move(bytes));
    }
    case Comparison::ip_address: {
      const std::optional<IpNetwork> network = IpNetwork::parse(text);
      if (!network) return bad_value(operator_name, text, "an IP address or CIDR block");
      return Operand(*network);
    }
  }
  std::unreachable();
}

Result<Condition> Condition::parse(std::string_view operator_name, std::string_view key,
                                   const std::vector<std::string>& values, bool variables_allowed) {
  const std::optional<Operator> op = parse_operator(operator_name);
  if (!op) return Error(ErrorKind::invalid, "Invalid Condition type : " + std::string(operator_name) + ".");
  Condition condition;
  condition.operator_ = *op;
  condition.operator_name_ = operator_name;
  condition.key_ = to_lower(key);
  for (const std::string& value : values) {
    TRY(Operand operand, parse_operand(*op, operator_name, value, variables_allowed));
    condition.operands_.push_back(std::move(operand));
  }
  return condition;
}

void Condition::collect_variable_names(std::vector<std::string>& names) const {
  for (const Operand& operand : operands_)
    if (const auto* pattern = std::get_if<Pattern>(&operand))
      std::ranges::copy(pattern->variable_names(), std::back_inserter(names));
}

Match Condition::compare(const std::string& value, const Operand& operand, const Facts& facts) const {
  switch (operator_.comparison) {
    case Comparison::string_equals:
    case Comparison::string_like:
      return std::get<Pattern>(operand).matches(value, facts);
    case Comparison::string_equals_ignoring_case:
    case Comparison::boolean:
      return std::get<Pattern>(operand).matches_ignoring_case(value, facts);
    case Comparison::arn_like:
      return std::get<Pattern>(operand).matches_arn(value, facts);
    case Comparison::binary_equals:
      return match_if(from_base64(value) == std::get<std::string>(operand));
    case Comparison::ip_address: {
      const std::optional<IpNetwork> address = IpNetwork::parse(value);
      return match_if(address && std::get<IpNetwork>(operand).contains(*address));
    }
    case Comparison::date_equals:
    case Comparison::date_less_than:
    case Comparison::date_less_than_equals:
    case Comparison::date_greater_than:
    case Comparison::date_greater_than_equals: {
      const Result<TimePoint> time = parse_time(value);
      return match_if(time && compare_ordered(operator_.comparison, *time, std::get<TimePoint>(operand)));
    }
    case Comparison::null:
      return Match::no;  // answered by matches()
    default: {
      const std::optional<double> number = parse_number(value);
      return match_if(number && compare_ordered(operator_.comparison, *number, std::get<double>(operand)));
    }
  }
}

Match Condition::compare_any(const std::string& value, const Facts& facts) const {
  Match result = Match::no;
  for (const Operand& operand : operands_) {
    const Match match = compare(value, operand, facts);
    if (match == Match::yes) return Match::yes;
    if (match == Match::unresolved) result = Match::unresolved;
  }
  return result;
}

Match Condition::matches(const Facts& facts) const {
  const std::vector<std::string>* values = facts.find(key_);
  const bool is_missing = !values || values->empty();

  if (operator_.comparison == Comparison::null) {
    const std::string_view actual = is_missing ? "true" : "false";
    return match_if(
        std::ranges::any_of(operands_, [&](const Operand& o) { return std::get<std::string>(o) == actual; }));
  }
  if (is_missing) {
    if (operator_.if_exists || operator_.quantifier == Quantifier::for_all_values) return Match::yes;
    if (operator_.quantifier == Quantifier::for_any_value) return Match::no;
    return match_if(operator_.negated);  // AWS: a missing key is certainly not equal
  }

  if (operator_.quantifier == Quantifier::for_all_values) {
    Match result = Match::yes;
    for (const std::string& value : *values) {
      Match match = compare_any(value, facts);
      if (operator_.negated) match = negate(match);
      if (match == Match::no) return Match::no;
      if (match == Match::unresolved) result = Match::unresolved;
    }
    return result;
  }

  // For a key with several values and no quantifier, "equals" means that one of them does, "not equals" that none does.
  const bool negate_each = operator_.negated && operator_.quantifier == Quantifier::for_any_value;
  Match any = Match::no;
  for (const std::string& value : *values) {
    Match match = compare_any(value, facts);
    if (negate_each) match = negate(match);
    if (match == Match::yes) {
      any = Match::yes;
      break;
    }
    if (match == Match::unresolved) any = Match::unresolved;
  }
  return operator_.negated && !negate_each ? negate(any) : any;
}

}  // namespace hearth::policy
