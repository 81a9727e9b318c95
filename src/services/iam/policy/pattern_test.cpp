#include "services/iam/policy/pattern.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>

namespace hearth::policy {
namespace {

class TestFacts final : public Facts {
 public:
  explicit TestFacts(std::map<std::string, std::vector<std::string>> values = {}) : values_(std::move(values)) {}
  const std::vector<std::string>* find(const std::string& key) const override {
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

Match match(std::string_view pattern, std::string_view text, const TestFacts& facts = TestFacts()) {
  const Result<Pattern> compiled = Pattern::compile(pattern, {});
  EXPECT_TRUE(compiled.has_value()) << pattern;
  return compiled ? compiled->matches(text, facts) : Match::no;
}

TEST(Pattern, StarAndQuestionMarkMatchAsDocumented) {
  struct Case {
    std::string_view pattern, text;
    bool matches;
  };
  const Case cases[] = {
      {"*", "", true},
      {"*", "anything", true},
      {"", "", true},
      {"", "x", false},
      {"abc", "abc", true},
      {"abc", "ABC", false},
      {"abc*", "abc", true},
      {"abc*", "ab", false},
      {"*abc", "xabc", true},
      {"*abc", "abcx", false},
      {"a*c", "ac", true},
      {"a*c", "abbbc", true},
      {"a*c", "abbbcd", false},
      {"a*b*c", "a-b-b-c", true},
      {"a*b*c", "a-c-b", false},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"a?c",
       "a\xc3\xa9"
       "c",
       true},
      {"??",
       "\xc3\xa9"
       "x",
       true},
      {"*??", "x", false},
      {"*??", "xy", true},
      {"*a?c*", "zzabczz", true},
      {"*a?c", "axcabc", true},
      {"*a?c", "abcx", false},
      {"**", "x", true},
      {"a*a", "a", false},
      {"ab*ba", "aba", false},
      {"arn:aws:s3:::photos/*", "arn:aws:s3:::photos/a/b/c", true},
      {"arn:aws:s3:::photos/*", "arn:aws:s3:::photos", false},
      {"arn:aws:s3:::*-prod/*.pt", "arn:aws:s3:::models-prod/run/1.pt", true},
  };
  for (const Case& c : cases)
    EXPECT_EQ(match(c.pattern, c.text) == Match::yes, c.matches) << c.pattern << " on " << c.text;
}

TEST(Pattern, AHostilePatternCostsNoMoreThanItsLengthTimesTheText) {
  std::string pattern, hole_pattern;
  for (int i = 0; i < 500; ++i) pattern += "a*", hole_pattern += "?a*";
  const std::string text(2000, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(match(pattern + "b", text), Match::no);
  EXPECT_EQ(match(hole_pattern + "b", text), Match::no);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(Pattern, VariablesAreFilledInAndTheirWildcardsAreOrdinaryCharacters) {
  const TestFacts facts({{"aws:username", {"ana"}}, {"aws:principaltag/team", {"*"}}, {"many", {"a", "b"}}});
  EXPECT_EQ(match("home/${aws:username}/*", "home/ana/x", facts), Match::yes);
  EXPECT_EQ(match("home/${aws:username}/*", "home/bob/x", facts), Match::no);
  EXPECT_EQ(match("home/${aws:UserName}", "home/ana", facts), Match::yes);
  EXPECT_EQ(match("${aws:PrincipalTag/team}", "anything", facts), Match::no);
  EXPECT_EQ(match("${aws:PrincipalTag/team}", "*", facts), Match::yes);
  EXPECT_EQ(match("${aws:PrincipalTag/dept}", "x", facts), Match::unresolved);
  EXPECT_EQ(match("${many}", "a", facts), Match::unresolved);
  EXPECT_EQ(match("${aws:PrincipalTag/dept, 'company-wide'}", "company-wide", facts), Match::yes);
  EXPECT_EQ(match("${aws:username,'nobody'}", "ana", facts), Match::yes);
  EXPECT_EQ(match("${*}${?}${$}", "*?$", facts), Match::yes);
  EXPECT_EQ(match("${*}", "x", facts), Match::no);
  EXPECT_EQ(match("$5", "$5", facts), Match::yes);
}

TEST(Pattern, ABrokenVariableIsRefused) {
  for (const std::string_view text : {"${aws:username", "${}", "${a,b}", "${a{b}", "${a, 'x}"})
    EXPECT_FALSE(Pattern::compile(text, {}).has_value()) << text;
  EXPECT_TRUE(Pattern::compile("${aws:username", {.wildcards = true, .variables = false}).has_value());
}

TEST(Pattern, ArnPartsAreComparedOneByOne) {
  const TestFacts facts({{"aws:principalarn", {"arn:aws:iam::1:user/x"}}});
  const auto matches = [&](std::string_view pattern, std::string_view text) {
    return Pattern::compile(pattern, {})->matches_arn(text, facts) == Match::yes;
  };
  EXPECT_TRUE(matches("arn:aws:sns:*:123456789012:*", "arn:aws:sns:us-east-1:123456789012:alarms"));
  EXPECT_TRUE(matches("arn:aws:sns:*:*:a*", "arn:aws:sns:us-east-1:1:a:b:c"));
  EXPECT_FALSE(matches("arn:aws:s*:b", "arn:aws:sns:us-east-1:1:b"));
  EXPECT_FALSE(matches("arn:aws:*:1:x", "arn:aws:sns:us-east-1:1:x"));
  EXPECT_TRUE(matches("arn:aws:s3:*", "arn:aws:s3:::bucket/key"));
  EXPECT_TRUE(matches("${aws:PrincipalArn}", "arn:aws:iam::1:user/x"));
  EXPECT_FALSE(matches("arn:aws:s3:::b", "b"));
}

TEST(ActionPattern, IgnoresCase) {
  EXPECT_TRUE(ActionPattern("S3:Get*").matches("s3:getobject"));
  EXPECT_TRUE(ActionPattern("*").matches("iam:createuser"));
  EXPECT_TRUE(ActionPattern("iam:*AccessKey*").matches("iam:listaccesskeys"));
  EXPECT_FALSE(ActionPattern("s3:Get*").matches("s3:putobject"));
  EXPECT_TRUE(ActionPattern("ec2:Describe?nstances").matches("ec2:describeinstances"));
}

}  // namespace
}  // namespace hearth::policy
