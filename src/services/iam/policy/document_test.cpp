#include "services/iam/policy/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string complaint(std::string_view json, DocumentKind kind = DocumentKind::identity) {
  const Result<Policy> policy = parse_policy(json, kind);
  return policy ? "" : policy.error().message();
}

TEST(PolicyDocument, OneStatementNeedsNoList) {
  const Result<Policy> policy = parse_policy(
      R"({"Version":"2012-10-17","Id":"x","Statement":{"Sid":"One","Effect":"Allow","Action":"s3:*","Resource":"*"}})",
      DocumentKind::identity);
  ASSERT_TRUE(policy.has_value());
  ASSERT_EQ(policy->statements.size(), 1u);
  EXPECT_EQ(policy->statements[0].name(), "statement One");
  EXPECT_EQ(policy->id, "x");
}

TEST(PolicyDocument, SaysWhatIsWrong) {
  struct Case {
    std::string_view json;
    std::string_view complaint;
  };
  const Case cases[] = {
      {"", "Syntax errors in policy"},
      {"{", "Syntax errors in policy"},
      {"[]", "the document must be an object"},
      {R"({"Version":"2012-10-17"})", "missing required field Statement"},
      {R"({"Version":"2012-10-18","Statement":[]})", "Policy document must be version 2012-10-17 or greater."},
      {R"({"Version":"2012-10-17","Statement":[],"Extra":1})", "unknown field \"Extra\""},
      {R"({"Statement":[],"Statement":[]})", "duplicate key \"Statement\""},
      {R"({"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","effect":"Deny"}})",
       "unknown field \"effect\""},
      {R"({"Statement":{"Effect":"Allow","Effect":"Deny","Action":"s3:*","Resource":"*"}})",
       "duplicate key \"Effect\""},
      {R"({"Statement":{"Action":"s3:*","Resource":"*"}})", "Missing required field Effect"},
      {R"({"Statement":{"Effect":"allow","Action":"s3:*","Resource":"*"}})", "Invalid effect: allow"},
      {R"({"Statement":{"Effect":"Allow","Resource":"*"}})", "must contain actions"},
      {R"({"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}})", "must contain actions"},
      {R"({"Statement":{"Effect":"Allow","Action":"s3:*"}})", "must contain resources"},
      {R"({"Statement":{"Effect":"Allow","Action":"GetObject","Resource":"*"}})", "must be prefaced by a vendor"},
      {R"({"Statement":{"Effect":"Allow","Action":"s 3:x","Resource":"*"}})", "Vendor s 3 is not valid."},
      {R"({"Statement":{"Effect":"Allow","Action":"s3:Get Object","Resource":"*"}})", "is not valid"},
      {R"({"Statement":{"Effect":"Allow","Action":"s3:*","NotAction":"s3:x","Resource":"*"}})",
       "both Action and NotAction"},
      {R"({"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}})",
       "Resource bucket must be in ARN format or \"*\"."},
      {R"({"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3"}})", "must be in ARN format"},
      {R"({"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:gcp:s3:::x"}})",
       "Partition \"gcp\" is not valid"},
      {R"({"Statement":{"Sid":"no space","Effect":"Allow","Action":"s3:*","Resource":"*"}})", "must be alpha-numeric"},
      {R"({"Statement":[{"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"},
                        {"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"}]})",
       "must be unique"},
      {R"({"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}})",
       "should not specify a principal"},
      {R"({"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringAlike":{"a:b":"c"}}}})",
       "Invalid Condition type : StringAlike."},
      {R"({"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringLike":{"b":"c"}}}})",
       "must be prefaced by a vendor"},
      {R"({"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringLike":{"a:b":{}}}}})",
       "must be strings, numbers or booleans"},
      {R"({"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":[]}})",
       "Condition must be an object"},
      {R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:x"}})",
       "not closed"},
  };
  for (const Case& c : cases) EXPECT_THAT(complaint(c.json), HasSubstr(std::string(c.complaint))) << c.json;
}

TEST(PolicyDocument, SyntaxErrorsNameTheirPlace) {
  EXPECT_THAT(complaint("{\n  \"Version\": oops\n}"), HasSubstr("line 2, column"));
}

TEST(PolicyDocument, TrustPoliciesNeedAPrincipalAndNoResource) {
  const auto trust = [](std::string_view json) { return complaint(json, DocumentKind::trust); };
  EXPECT_EQ(
      trust(
          R"({"Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}})"),
      "");
  EXPECT_THAT(trust(R"({"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}})"),
              HasSubstr("Missing required field Principal"));
  EXPECT_THAT(trust(R"({"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}})"),
              HasSubstr("Has prohibited field Resource"));
  EXPECT_THAT(trust(R"({"Statement":{"Effect":"Allow","Principal":{"AWS":"bob"},"Action":"sts:AssumeRole"}})"),
              HasSubstr("Invalid principal in policy: \"AWS\":\"bob\""));
  EXPECT_THAT(
      trust(
          R"({"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/*"},"Action":"sts:AssumeRole"}})"),
      HasSubstr("Invalid principal"));
  EXPECT_THAT(
      trust(R"({"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}})"),
      HasSubstr("NotPrincipal"));
}

TEST(PolicyDocument, DeepNestingAndLongDocumentsAreRefusedEarly) {
  EXPECT_NE(complaint(std::string(100'000, '[')), "");
  EXPECT_NE(complaint(R"({"Statement":)" + std::string(50, '[') + std::string(50, ']') + "}"), "");
  EXPECT_THAT(complaint(std::string(document_size_max + 1, ' ')), HasSubstr("longer than any policy"));
}

TEST(PolicyDocument, ListsTheContextKeysItAsksFor) {
  const Result<Policy> policy = parse_policy(R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*",
      "Resource":"arn:aws:s3:::${aws:username}/*",
      "Condition":{"StringLike":{"s3:prefix":"${aws:PrincipalTag/Team}/*"},"Bool":{"aws:SecureTransport":true}}}})",
                                             DocumentKind::identity);
  ASSERT_TRUE(policy.has_value());
  EXPECT_THAT(policy->context_keys(),
              ElementsAre("aws:principaltag/team", "aws:securetransport", "aws:username", "s3:prefix"));
}

TEST(PolicyDocument, SizeLeavesOutWhiteSpace) {
  EXPECT_EQ(size_without_whitespace(" { \n\t\"a b\" }"), 6u);
}

TEST(PolicyDocument, PrincipalsAreBoundToIdsAndRewrittenWhereTheyStandOnly) {
  const std::string ana = "arn:aws:iam::111122223333:user/ana", bob = "arn:aws:iam::111122223333:user/bob";
  const std::string document = R"({"Statement":[{"Effect":"Allow","Principal":{"AWS":[")" + ana + R"(","*",")" + bob +
                               R"("]},"Action":"sts:AssumeRole","Condition":{"ArnEquals":{"aws:PrincipalArn":")" + ana +
                               R"("}}},{"Effect":"Deny","NotPrincipal":{"AWS":")" + ana +
                               R"("},"Action":"sts:AssumeRole"}]})";
  const Result<Policy> policy = parse_policy(document, DocumentKind::trust);
  ASSERT_TRUE(policy.has_value());
  EXPECT_THAT(principal_arns(*policy), ::testing::ElementsAre(ana, bob));
  const PrincipalNames ids{{ana, "AIDAEXAMPLEUSERana"}};
  const Policy bound = bind_principals(*policy, ids);
  EXPECT_THAT(principal_arns(bound), ::testing::ElementsAre(bob));
  EXPECT_EQ(bound.statements[1].principals[0].kind, PrincipalEntry::Kind::unique_id);
  EXPECT_EQ(rewrite_principals(document, ids),
            R"({"Statement":[{"Effect":"Allow","Principal":{"AWS":["AIDAEXAMPLEUSERana","*",")" + bob +
                R"("]},"Action":"sts:AssumeRole","Condition":{"ArnEquals":{"aws:PrincipalArn":")" + ana +
                R"("}}},{"Effect":"Deny","NotPrincipal":{"AWS":"AIDAEXAMPLEUSERana"},"Action":"sts:AssumeRole"}]})");
}

}  // namespace
}  // namespace hearth::policy
