#include "services/iam/policy/condition.h"

#include <gtest/gtest.h>

#include "services/iam/policy/testing.h"

namespace hearth::policy {
namespace {

using Values = std::vector<std::string>;

// Whether {"OPERATOR": {"test:key": operands}} holds when the request carries `values` (empty: lacks the key).
bool holds(std::string_view operator_name, const Values& operands, const Values& values) {
  const Result<Condition> condition = Condition::parse(operator_name, "test:Key", operands, true);
  EXPECT_TRUE(condition.has_value()) << operator_name << (condition ? "" : condition.error().message());
  if (!condition) return false;
  const Principal ana = testing::user("ana");
  ConditionContext context;
  if (!values.empty()) context["test:key"] = values;
  const ConditionContext* contexts[] = {&context};
  return condition->matches(RequestFacts(ana, contexts, testing::noon)) == Match::yes;
}

TEST(Condition, EveryOperatorAnswersAsDocumented) {
  struct Case {
    std::string_view op;
    Values operands, values;
    bool holds;
  };
  const Case cases[] = {
      {"StringEquals", {"a", "b"}, {"b"}, true},
      {"StringEquals", {"a"}, {"A"}, false},
      {"StringEquals", {"a*"}, {"abc"}, false},
      {"StringEquals", {"${aws:username}"}, {"ana"}, true},
      {"StringEquals", {"a"}, {}, false},
      {"StringNotEquals", {"a", "b"}, {"c"}, true},
      {"StringNotEquals", {"a", "b"}, {"b"}, false},
      {"StringNotEquals", {"a"}, {}, true},
      {"StringEqualsIgnoreCase", {"Paris"}, {"pARIS"}, true},
      {"StringNotEqualsIgnoreCase", {"Paris"}, {"pARIS"}, false},
      {"StringLike", {"home/${aws:username}/*"}, {"home/ana/x"}, true},
      {"StringLike", {"h?me"}, {"home"}, true},
      {"StringNotLike", {"home*"}, {"home/x"}, false},
      {"StringNotLike", {"home*"}, {"x"}, true},
      {"StringEqualsIfExists", {"a"}, {}, true},
      {"StringEqualsIfExists", {"a"}, {"b"}, false},
      {"NumericEquals", {"10"}, {"10.0"}, true},
      {"NumericNotEquals", {"10"}, {"11"}, true},
      {"NumericLessThan", {"10"}, {"9"}, true},
      {"NumericLessThan", {"10"}, {"10"}, false},
      {"NumericLessThan", {"10"}, {"abc"}, false},
      {"NumericLessThanEquals", {"10"}, {"10"}, true},
      {"NumericGreaterThan", {"10"}, {"11"}, true},
      {"NumericGreaterThanEquals", {"10"}, {"9"}, false},
      {"DateEquals", {"2026-01-01T00:00:00Z"}, {"1767225600"}, true},
      {"DateNotEquals", {"2026-01-01T00:00:00Z"}, {"2026-01-01T00:00:00Z"}, false},
      {"DateLessThan", {"2026-01-02T00:00:00Z"}, {"2026-01-01T23:59:59Z"}, true},
      {"DateLessThanEquals", {"2026-01-02"}, {"2026-01-02T00:00:00Z"}, true},
      {"DateGreaterThan", {"2026-01-02T00:00:00Z"}, {"2026-01-01T23:59:59Z"}, false},
      {"DateGreaterThanEquals", {"2026-01-02T00:00:00Z"}, {"2026-01-02T00:00:00Z"}, true},
      {"Bool", {"true"}, {"true"}, true},
      {"Bool", {"True"}, {"true"}, true},
      {"Bool", {"false"}, {"true"}, false},
      {"Bool", {"false"}, {}, false},
      {"BoolIfExists", {"false"}, {}, true},
      {"BinaryEquals", {"QmluYXJ5VmFsdWVJbkJhc2U2NA=="}, {"QmluYXJ5VmFsdWVJbkJhc2U2NA=="}, true},
      {"BinaryEquals", {"QmluYXJ5"}, {"QmluYXJ6"}, false},
      {"IpAddress", {"203.0.113.0/24"}, {"203.0.113.77"}, true},
      {"IpAddress", {"203.0.113.0/24"}, {"203.0.114.1"}, false},
      {"IpAddress", {"203.0.113.5"}, {"203.0.113.5"}, true},
      {"IpAddress", {"0.0.0.0/0"}, {"8.8.8.8"}, true},
      {"IpAddress", {"0.0.0.0/0"}, {"2001:db8::1"}, false},
      {"IpAddress", {"2001:db8:1234:5678::/64"}, {"2001:db8:1234:5678::17"}, true},
      {"IpAddress", {"2001:DB8:1234:5678::/64"}, {"2001:db8:1234:5679::17"}, false},
      {"IpAddress", {"10.0.0.0/8"}, {"::ffff:10.1.2.3"}, true},
      {"IpAddress", {"203.0.112.0/23"}, {"203.0.113.9"}, true},
      {"IpAddress", {"10.0.0.0/8"}, {"not an address"}, false},
      {"NotIpAddress", {"203.0.113.0/24"}, {"203.0.114.1"}, true},
      {"NotIpAddress", {"203.0.113.0/24"}, {"203.0.113.1"}, false},
      {"ArnEquals", {"arn:aws:sns:*:1:x"}, {"arn:aws:sns:us-east-1:1:x"}, true},
      {"ArnLike", {"arn:aws:s3:::b*"}, {"arn:aws:s3:::bucket"}, true},
      {"ArnNotEquals", {"arn:aws:s3:::b"}, {"arn:aws:s3:::c"}, true},
      {"ArnNotLike", {"arn:aws:s3:::b*"}, {"arn:aws:s3:::bucket"}, false},
      {"Null", {"true"}, {}, true},
      {"Null", {"true"}, {"x"}, false},
      {"Null", {"false"}, {"x"}, true},
      {"ForAllValues:StringEquals", {"a", "b"}, {"a", "b", "a"}, true},
      {"ForAllValues:StringEquals", {"a", "b"}, {"a", "c"}, false},
      {"ForAllValues:StringEquals", {"a", "b"}, {}, true},
      {"ForAllValues:StringNotEquals", {"a"}, {"b", "c"}, true},
      {"ForAllValues:StringNotEquals", {"a"}, {"b", "a"}, false},
      {"ForAnyValue:StringEquals", {"a", "b"}, {"x", "b"}, true},
      {"ForAnyValue:StringEquals", {"a", "b"}, {"x"}, false},
      {"ForAnyValue:StringEquals", {"a"}, {}, false},
      {"ForAnyValue:StringNotEquals", {"a"}, {"a", "x"}, true},
      {"ForAnyValue:StringNotEquals", {"a"}, {"a"}, false},
      {"ForAnyValue:StringLike", {"pre*"}, {"x", "prefix"}, true},
      {"forAnyValue:stringLike", {"pre*"}, {"prefix"}, true},
  };
  for (const Case& c : cases) {
    const std::string value = c.values.empty() ? "(missing)" : c.values.front();
    EXPECT_EQ(holds(c.op, c.operands, c.values), c.holds) << c.op << " " << c.operands.front() << " on " << value;
  }
}

TEST(Condition, ValuesThatDoNotFitTheOperatorAreRefused) {
  const std::pair<std::string_view, std::string> cases[] = {
      {"NumericLessThan", "many"},
      {"NumericEquals", "inf"},
      {"DateLessThan", "tomorrow"},
      {"Bool", "yes"},
      {"BinaryEquals", "!"},
      {"IpAddress", "300.1.1.1"},
      {"IpAddress", "10.0.0.0/33"},
      {"IpAddress", "2001:db8::/129"},
      {"Null", "maybe"},
      {"StringLike", "${aws:username"},
      {"StringAlmost", "x"},
      {"NullIfExists", "true"},
      {"ForAllValues:Null", "true"},
      {"", "x"},
  };
  for (const auto& [name, value] : cases)
    EXPECT_FALSE(Condition::parse(name, "aws:x", {value}, true).has_value()) << name << " " << value;
}

}  // namespace
}  // namespace hearth::policy
