#include "services/iam/policy/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/iam/policy/testing.h"

namespace hearth::policy {
namespace {

using ::testing::HasSubstr;
using testing::session;
using testing::user;
using testing::World;

constexpr std::string_view allow_all =
    R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})";
constexpr std::string_view object = "arn:aws:s3:::photos/cat.jpg";

std::string bucket_policy(std::string_view effect, std::string_view principal, std::string_view more = "") {
  return R"({"Version":"2012-10-17","Statement":{"Sid":"Bucket","Effect":")" + std::string(effect) +
         R"(","Principal":)" + std::string(principal) +
         R"(,"Action":"s3:*","Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"])" + std::string(more) + "}}";
}

TEST(Decide, DeniesByDefaultAndSaysSo) {
  const Ruling ruling = World().ask(user("ana"), "s3:GetObject", object);
  EXPECT_EQ(ruling.effect, Effect::implicitly_denied);
  EXPECT_EQ(ruling.reason, "because no identity-based policy allows the s3:GetObject action");
}

TEST(Decide, AnExplicitDenyWinsAndIsNamed) {
  World world;
  world.with_identity(allow_all).with_identity(
      R"({"Version":"2012-10-17","Statement":{"Sid":"NoProd","Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::prod*"}})");
  EXPECT_TRUE(world.allows(user("ana"), "s3:GetObject", object));
  const Ruling ruling = world.ask(user("ana"), "s3:GetObject", "arn:aws:s3:::prod/x");
  EXPECT_EQ(ruling.effect, Effect::explicitly_denied);
  EXPECT_EQ(ruling.reason, "with an explicit deny in an identity-based policy: statement NoProd of policy 2");
}

std::string with_condition(std::string_view effect, std::string_view action, std::string_view condition) {
  return R"({"Version":"2012-10-17","Statement":{"Effect":")" + std::string(effect) + R"(","Action":")" +
         std::string(action) + R"(","Resource":"*","Condition":)" + std::string(condition) + "}}";
}

// AWS: a tag that is not there is a key that is not there.
TEST(Decide, ATagThatTheResourceDoesNotHaveIsAKeyThatIsNotThere) {
  struct Case {
    std::string_view condition;
    bool without_tag, with_prod, with_dev;
  };
  const Case cases[] = {
      {R"({"StringEquals":{"aws:ResourceTag/Env":"prod"}})", false, true, false},
      {R"({"StringNotEquals":{"aws:ResourceTag/Env":"prod"}})", true, false, true},
      {R"({"StringEqualsIfExists":{"aws:ResourceTag/Env":"prod"}})", true, true, false},
      {R"({"StringLike":{"aws:ResourceTag/Env":"*"}})", false, true, true},
      {R"({"Null":{"aws:ResourceTag/Env":"true"}})", true, false, false},
      {R"({"Null":{"aws:ResourceTag/Env":"false"}})", false, true, true},
      {R"({"ForAllValues:StringEquals":{"aws:ResourceTag/Env":["prod"]}})", true, true, false},
      {R"({"ForAnyValue:StringEquals":{"aws:ResourceTag/Env":["prod"]}})", false, true, false},
  };
  for (const Case& c : cases) {
    World allows, denies;
    allows.with_identity(with_condition("Allow", "ec2:*", c.condition));
    denies.with_identity(allow_all).with_identity(with_condition("Deny", "ec2:*", c.condition));
    const auto check = [&](bool applies, const char* what) {
      for (const std::string_view machine : {"arn:aws:ec2:us-east-1:111122223333:instance/i-1", "*"}) {
        EXPECT_EQ(allows.allows(user("ana"), "ec2:StopInstances", machine), applies) << c.condition << what;
        EXPECT_EQ(denies.allows(user("ana"), "ec2:StopInstances", machine), !applies) << c.condition << what;
      }
    };
    check(c.without_tag, " without");
    allows.context["aws:resourcetag/env"] = denies.context["aws:resourcetag/env"] = {"prod"};
    check(c.with_prod, " with prod");
    allows.context["aws:resourcetag/env"] = denies.context["aws:resourcetag/env"] = {"dev"};
    check(c.with_dev, " with dev");
  }
}

TEST(Decide, OneStatementFitsEveryTeam) {
  World world;
  world.with_identity(
      with_condition("Allow", "ec2:*", R"({"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}})"));
  Principal ana = user("ana");
  const auto may = [&] { return world.allows(ana, "ec2:StopInstances", "*"); };
  EXPECT_FALSE(may());  // two teams that are not there are not the same team
  world.context["aws:resourcetag/team"] = {"red"};
  EXPECT_FALSE(may());
  ana.session_tags["Team"] = "red";
  EXPECT_TRUE(may());
  ana.session_tags["Team"] = "blue";
  EXPECT_FALSE(may());
}

TEST(Decide, TagsOfTheResourceAreAskedForByStatementsAboutTheActionOnly) {
  const auto asks = [](std::string_view document, std::string_view action) {
    World world;
    world.with_identity(allow_all).with_identity(document);
    return asks_for_resource_tags({.identity = world.identity}, action);
  };
  const std::string in_key = with_condition("Deny", "ec2:Stop*", R"({"Null":{"ec2:ResourceTag/x":"true"}})");
  EXPECT_TRUE(asks(in_key, "ec2:StopInstances"));
  EXPECT_FALSE(asks(in_key, "ec2:StartInstances"));
  EXPECT_FALSE(asks(allow_all, "ec2:StopInstances"));
  EXPECT_TRUE(asks(with_condition("Allow", "*", R"({"StringEquals":{"s3:ExistingObjectTag/x":"1"}})"), "s3:GetObject"));
  EXPECT_FALSE(asks(with_condition("Allow", "*", R"({"StringEquals":{"aws:RequestTag/x":"1"}})"), "s3:GetObject"));
  EXPECT_TRUE(
      asks(with_condition("Allow", "*", R"({"StringEquals":{"aws:PrincipalTag/x":"${aws:ResourceTag/x}"}})"), "a:B"));
  EXPECT_TRUE(asks(
      R"({"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":"iam:*","Resource":"arn:aws:s3:::${aws:ResourceTag/x}"}})",
      "s3:GetObject"));
}

TEST(Decide, WithinOneAccountEitherSideIsEnough) {
  World by_resource;
  by_resource.with_resource(bucket_policy("Allow", R"({"AWS":"arn:aws:iam::111122223333:user/ana"})"));
  EXPECT_TRUE(by_resource.allows(user("ana"), "s3:GetObject", object));
  EXPECT_FALSE(by_resource.allows(user("bob"), "s3:GetObject", object));

  World by_identity;
  by_identity.with_identity(allow_all);
  by_identity.resource_account = "111122223333";
  EXPECT_TRUE(by_identity.allows(user("ana"), "s3:GetObject", object));
}

TEST(Decide, NamingTheAccountDelegatesButDoesNotGrant) {
  World world;
  world.with_resource(bucket_policy("Allow", R"({"AWS":"111122223333"})"));
  EXPECT_FALSE(world.allows(user("ana"), "s3:GetObject", object));
  world.with_identity(allow_all);
  EXPECT_TRUE(world.allows(user("ana"), "s3:GetObject", object));
}

TEST(Decide, AcrossAccountsBothSidesMustAllow) {
  const Principal stranger = user("eve", "444455556666");
  World only_identity;
  only_identity.with_identity(allow_all);
  only_identity.resource_account = "111122223333";
  EXPECT_EQ(only_identity.ask(stranger, "s3:GetObject", object).reason,
            "because no resource-based policy allows the s3:GetObject action");

  World only_resource;
  only_resource.with_resource(bucket_policy("Allow", R"({"AWS":"arn:aws:iam::444455556666:user/eve"})"));
  EXPECT_EQ(only_resource.ask(stranger, "s3:GetObject", object).reason,
            "because no identity-based policy allows the s3:GetObject action");

  only_resource.with_identity(allow_all);
  EXPECT_TRUE(only_resource.allows(stranger, "s3:GetObject", object));
}

TEST(Decide, AnonymousCallersNeedAPolicyForEveryone) {
  const Principal anonymous;
  World world;
  world.with_resource(bucket_policy("Allow", R"("*")"));
  EXPECT_TRUE(world.allows(anonymous, "s3:GetObject", object));
  EXPECT_FALSE(World()
                   .with_resource(bucket_policy("Allow", R"({"AWS":"111122223333"})"))
                   .allows(anonymous, "s3:GetObject", object));
  EXPECT_FALSE(World().allows(anonymous, "s3:GetObject", object));
}

TEST(Decide, RootMayDoEverythingInItsOwnAccountUnlessTheResourceDenies) {
  Principal root;
  root.kind = PrincipalKind::root;
  root.account_id = "111122223333";
  root.arn = "arn:aws:iam::111122223333:root";
  EXPECT_TRUE(World().allows(root, "iam:CreateUser", "*"));
  EXPECT_FALSE(World().with_resource(bucket_policy("Deny", R"("*")")).allows(root, "s3:GetObject", object));
  World foreign;
  foreign.resource_account = "444455556666";
  EXPECT_FALSE(foreign.allows(root, "s3:GetObject", object));
  EXPECT_TRUE(World()
                  .with_resource(bucket_policy("Allow", R"({"AWS":"111122223333"})"), "444455556666")
                  .allows(root, "s3:GetObject", object));
}

TEST(Decide, SessionPoliciesAndBoundariesLimitButNeverGrant) {
  constexpr std::string_view read_only =
      R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}})";
  World world;
  world.with_identity(allow_all).with_session(read_only);
  EXPECT_TRUE(world.allows(session("dev", "s"), "s3:GetObject", object));
  EXPECT_EQ(world.ask(session("dev", "s"), "s3:PutObject", object).reason,
            "because no session policy allows the s3:PutObject action");
  EXPECT_FALSE(World().with_session(allow_all).allows(session("dev", "s"), "s3:GetObject", object));

  World bounded;
  bounded.with_identity(allow_all).with_boundary(read_only);
  EXPECT_TRUE(bounded.allows(user("ana"), "s3:GetObject", object));
  EXPECT_EQ(bounded.ask(user("ana"), "s3:PutObject", object).reason,
            "because no permissions boundary allows the s3:PutObject action");
}

TEST(Decide, AResourcePolicyNamingTheRoleIsLimitedByTheSessionNamingTheSessionIsNot) {
  constexpr std::string_view nothing_of_s3 =
      R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}})";
  World role;
  role.with_session(nothing_of_s3)
      .with_resource(bucket_policy("Allow", R"({"AWS":"arn:aws:iam::111122223333:role/dev"})"));
  EXPECT_FALSE(role.allows(session("dev", "s"), "s3:GetObject", object));
  World named;
  named.with_session(nothing_of_s3)
      .with_resource(bucket_policy("Allow", R"({"AWS":"arn:aws:sts::111122223333:assumed-role/dev/s"})"));
  EXPECT_TRUE(named.allows(session("dev", "s"), "s3:GetObject", object));
  EXPECT_FALSE(named.allows(session("dev", "t"), "s3:GetObject", object));
}

TEST(Decide, NotPrincipalDeniesAllButTheNamed) {
  World world;
  world.with_identity(allow_all).with_resource(
      R"({"Version":"2012-10-17","Statement":{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::111122223333:user/ana","111122223333"]},
          "Action":"s3:*","Resource":"*"}})");
  EXPECT_TRUE(world.allows(user("ana"), "s3:GetObject", object));
  EXPECT_FALSE(world.allows(user("bob"), "s3:GetObject", object));
}

TEST(Decide, NotActionAndNotResourceTurnTheListAround) {
  World world;
  world.with_identity(R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","NotAction":"iam:*","Resource":"*"},
      {"Effect":"Deny","Action":"s3:*","NotResource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]}]})");
  EXPECT_TRUE(world.allows(user("ana"), "ec2:RunInstances", "*"));
  EXPECT_FALSE(world.allows(user("ana"), "iam:CreateUser", "*"));
  EXPECT_TRUE(world.allows(user("ana"), "s3:GetObject", object));
  EXPECT_FALSE(world.allows(user("ana"), "s3:GetObject", "arn:aws:s3:::other/x"));
}

TEST(Decide, ServicePrincipalsAreNamedByTrustPolicies) {
  Principal ec2;
  ec2.kind = PrincipalKind::service;
  ec2.arn = "ec2.amazonaws.com";
  World world;
  world.resource.push_back(testing::in_force(
      R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}})",
      DocumentKind::trust, "the trust policy"));
  world.resource_must_allow = true;
  EXPECT_TRUE(world.allows(ec2, "sts:AssumeRole", "arn:aws:iam::111122223333:role/web"));
  world.with_identity(allow_all);
  EXPECT_FALSE(world.allows(user("ana"), "sts:AssumeRole", "arn:aws:iam::111122223333:role/web"));
}

TEST(Decide, VariablesNeverWidenWhatIsAllowed) {
  World world;
  world.with_identity(R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::home/${aws:username}/*"},
      {"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringNotEquals":{"ec2:Owner":"${aws:username}"}}}]})");
  world.context["ec2:owner"] = {"bob"};
  EXPECT_TRUE(world.allows(user("ana"), "s3:GetObject", "arn:aws:s3:::home/ana/x"));
  EXPECT_FALSE(world.allows(user("ana"), "s3:GetObject", "arn:aws:s3:::home/bob/x"));
  EXPECT_FALSE(world.allows(session("dev", "s"), "s3:GetObject", "arn:aws:s3:::home//x"));
  EXPECT_TRUE(world.allows(user("ana"), "ec2:StopInstances", "*"));
  EXPECT_FALSE(world.allows(session("dev", "s"), "ec2:StopInstances", "*"));
}

TEST(Decide, Version2008TakesVariablesLiterally) {
  World world;
  world.with_identity(
      R"({"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::home/${aws:username}/*"}})");
  EXPECT_FALSE(world.allows(user("ana"), "s3:GetObject", "arn:aws:s3:::home/ana/x"));
  EXPECT_TRUE(world.allows(user("ana"), "s3:GetObject", "arn:aws:s3:::home/${aws:username}/x"));
}

TEST(Decide, TemporaryCredentialsSayThatNoMfaWasPresent) {
  constexpr std::string_view no_mfa =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
          {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}]})";
  World world;
  world.with_identity(no_mfa);
  EXPECT_TRUE(world.allows(user("ana"), "s3:GetObject", object));  // AWS: with a long-term key there is no such key
  EXPECT_FALSE(world.allows(session("dev", "s"), "s3:GetObject", object));
}

TEST(Decide, TheSourceIdentityIsTheSessionsOwn) {
  World world;
  world.with_identity(with_condition("Allow", "s3:*", R"({"StringEquals":{"aws:SourceIdentity":"ana"}})"));
  world.context["aws:sourceidentity"] = {"ana"};
  Principal dev = session("dev", "s");
  EXPECT_FALSE(world.allows(dev, "s3:GetObject", object));
  dev.source_identity = "ana";
  EXPECT_TRUE(world.allows(dev, "s3:GetObject", object));
}

TEST(Decide, NobodyClaimsToBeAnotherPrincipalThroughTheRequest) {
  World world;
  world.with_identity(R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*",
      "Condition":{"StringEquals":{"aws:PrincipalTag/Team":"red"}}}})");
  world.context["aws:principaltag/team"] = {"red"};
  EXPECT_FALSE(world.allows(user("ana"), "s3:GetObject", object));
  Principal ana = user("ana");
  ana.session_tags["team"] = "red";
  EXPECT_TRUE(world.allows(ana, "s3:GetObject", object));
}

// From "Example IAM identity-based policies" and "Bucket policy examples" of the AWS documentation, in our words.
TEST(Decide, DocumentedExamplesBehaveAsDocumented) {
  struct Case {
    std::string_view what, policy, action, resource;
    ConditionContext context;
    bool allowed;
  };
  constexpr std::string_view home = R"({"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["s3:ListAllMyBuckets","s3:GetBucketLocation"],"Resource":"*"},
    {"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::homes",
     "Condition":{"StringLike":{"s3:prefix":["","home/","home/${aws:username}/*"]}}},
    {"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::homes/home/${aws:username}","arn:aws:s3:::homes/home/${aws:username}/*"]}]})";
  constexpr std::string_view dates =
      R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"service-prefix:action-name","Resource":"*",
    "Condition":{"DateGreaterThan":{"aws:CurrentTime":"2020-04-01T00:00:00Z"},"DateLessThan":{"aws:CurrentTime":"2020-06-30T23:59:59Z"}}}})";
  constexpr std::string_view outside =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
    {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["192.0.2.0/24","203.0.113.0/24"]}}}]})";
  constexpr std::string_view tls =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},
    {"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]})";
  constexpr std::string_view tags =
      R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*",
    "Condition":{"StringEquals":{"aws:RequestTag/environment":["preprod","production"]},
                 "ForAllValues:StringEquals":{"aws:TagKeys":["environment","CostCenter"]}}}})";
  constexpr std::string_view mfa =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"},
    {"Effect":"Deny","Action":["ec2:StopInstances","ec2:TerminateInstances"],"Resource":"*",
     "Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":false}}}]})";
  constexpr std::string_view pass = R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:PassRole",
    "Resource":"arn:aws:iam::111122223333:role/EC2-*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}})";
  const Case cases[] = {
      {"home listing own", home, "s3:ListBucket", "arn:aws:s3:::homes", {{"s3:prefix", {"home/ana/2026"}}}, true},
      {"home listing other", home, "s3:ListBucket", "arn:aws:s3:::homes", {{"s3:prefix", {"home/bob/"}}}, false},
      {"home listing all", home, "s3:ListBucket", "arn:aws:s3:::homes", {}, false},
      {"home writing own", home, "s3:PutObject", "arn:aws:s3:::homes/home/ana/x", {}, true},
      {"home writing other", home, "s3:PutObject", "arn:aws:s3:::homes/home/anab/x", {}, false},
      {"dates inside", dates, "service-prefix:action-name", "*", {{"aws:currenttime", {"2020-05-01T00:00:00Z"}}}, true},
      {"dates outside", dates, "service-prefix:action-name", "*", {}, false},
      {"ip inside", outside, "ec2:RunInstances", "*", {{"aws:sourceip", {"203.0.113.7"}}}, true},
      {"ip outside", outside, "ec2:RunInstances", "*", {{"aws:sourceip", {"198.51.100.7"}}}, false},
      {"tls", tls, "s3:GetObject", object, {{"aws:securetransport", {"true"}}}, true},
      {"no tls", tls, "s3:GetObject", object, {{"aws:securetransport", {"false"}}}, false},
      {"tags good",
       tags,
       "ec2:RunInstances",
       "*",
       {{"aws:requesttag/environment", {"preprod"}}, {"aws:tagkeys", {"environment"}}},
       true},
      {"tags with another",
       tags,
       "ec2:RunInstances",
       "*",
       {{"aws:requesttag/environment", {"preprod"}}, {"aws:tagkeys", {"environment", "x"}}},
       false},
      {"tags missing", tags, "ec2:RunInstances", "*", {}, false},
      {"mfa missing", mfa, "ec2:StopInstances", "*", {}, false},
      {"mfa present", mfa, "ec2:StopInstances", "*", {{"aws:multifactorauthpresent", {"true"}}}, true},
      {"pass role",
       pass,
       "iam:PassRole",
       "arn:aws:iam::111122223333:role/EC2-roles-for-x",
       {{"iam:passedtoservice", {"ec2.amazonaws.com"}}},
       true},
      {"pass role to another",
       pass,
       "iam:PassRole",
       "arn:aws:iam::111122223333:role/EC2-roles-for-x",
       {{"iam:passedtoservice", {"lambda.amazonaws.com"}}},
       false},
  };
  for (const Case& c : cases) {
    World world;
    world.with_identity(c.policy);
    world.context = c.context;
    EXPECT_EQ(world.allows(user("ana"), c.action, c.resource), c.allowed) << c.what;
  }
}

TEST(Decide, IsFastEnoughForEveryRequest) {
  World world;
  world.with_identity(R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:ListBucket"],"Resource":["arn:aws:s3:::data","arn:aws:s3:::data/*"]},
      {"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::prod/*"}]})");
  const Principal ana = user("ana");
  constexpr int count = 20'000;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) ASSERT_TRUE(world.allows(ana, "s3:GetObject", "arn:aws:s3:::data/shard-0001.jsonl"));
  const auto each = (std::chrono::steady_clock::now() - start) / count;
  RecordProperty("nanoseconds_each", static_cast<int>(each.count()));
  EXPECT_LT(each, std::chrono::microseconds(50));  // far above what it takes: machines under test are busy
}

}  // namespace
}  // namespace hearth::policy
