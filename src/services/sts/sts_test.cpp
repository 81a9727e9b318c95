#include <gtest/gtest.h>

#include "services/sts/assume_role.h"
#include "services/sts/service.h"

namespace hearth::sts {
namespace {

// Says what it was asked for; the real one is services/iam.
class FakeIssuer final : public SessionIssuer {
 public:
  RoleSessionRequest asked;
  std::chrono::seconds asked_duration{};

  Async<RoleSession> start_role_session(const Principal&, RoleSessionRequest request) override {
    asked = request;
    RoleSession session;
    session.credentials = {"ASIAX", "secret", "token", from_ms(1'000'000)};
    session.assumed_role_arn = "arn:aws:sts::111122223333:assumed-role/r/s";
    session.assumed_role_id = "AROAX:s";
    session.packed_policy_size_percent = 7;
    co_return session;
  }
  Async<Credentials> start_user_session(const Principal&, std::chrono::seconds duration) override {
    asked_duration = duration;
    co_return Credentials{"ASIAY", "secret", "token", from_ms(2'000'000)};
  }
  Async<std::string> find_account_of_key(std::string_view) override {
    co_return Error(ErrorKind::not_found, "no such key");
  }
};

TEST(Sts, AssumeRoleHandsEverythingOn) {
  FakeIssuer issuer;
  StsService sts(issuer);
  RequestContext ctx;
  api::sts::AssumeRoleRequest in;
  in.role_arn = "arn:aws:iam::111122223333:role/r";
  in.role_session_name = "s";
  in.policy = "{}";
  in.tags = std::vector<api::sts::Tag>{{"Team", "red"}};
  const auto out = sync_wait(sts.assume_role(ctx, in));
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(issuer.asked.role_arn, in.role_arn);
  EXPECT_EQ(issuer.asked.session_policy, "{}");
  EXPECT_EQ(issuer.asked.duration, std::chrono::hours(1));
  EXPECT_EQ(issuer.asked.tags.at("Team"), "red");
  EXPECT_EQ(out->assumed_role_user->arn, "arn:aws:sts::111122223333:assumed-role/r/s");
  EXPECT_EQ(*out->packed_policy_size, 7);
  EXPECT_EQ(out->credentials->expiration.ms, 1'000'000);
}

TEST(Sts, TagsAndSourceIdentityNeedActionsOfTheirOwn) {
  api::sts::AssumeRoleRequest in;
  in.role_arn = "arn:aws:iam::111122223333:role/r";
  in.external_id = "42";
  EXPECT_EQ(AccessRule<api::sts::op::AssumeRole>::of({}, in).size(), 1u);
  EXPECT_EQ(AccessRule<api::sts::op::AssumeRole>::of({}, in)[0].context.at("sts:externalid")[0], "42");
  in.tags = std::vector<api::sts::Tag>{{"Team", "red"}};
  in.source_identity = "ana";
  const auto accesses = AccessRule<api::sts::op::AssumeRole>::of({}, in);
  ASSERT_EQ(accesses.size(), 3u);
  EXPECT_EQ(accesses[1].action, "sts:TagSession");
  EXPECT_EQ(accesses[1].context.at("aws:requesttag/team")[0], "red");
  EXPECT_EQ(accesses[2].action, "sts:SetSourceIdentity");
}

TEST(Sts, CallerIdentityIsTheCaller) {
  FakeIssuer issuer;
  StsService sts(issuer);
  RequestContext ctx;
  ctx.caller.account_id = "111122223333";
  ctx.caller.arn = "arn:aws:iam::111122223333:user/ana";
  ctx.caller.user_id = "AIDAX";
  const api::sts::GetCallerIdentityRequest nothing;
  const auto out = sync_wait(sts.get_caller_identity(ctx, nothing));
  EXPECT_EQ(*out->arn, ctx.caller.arn);
  EXPECT_EQ(*out->account, "111122223333");
  EXPECT_EQ(*out->user_id, "AIDAX");
}

TEST(Sts, RootGetsAnHourAtMost) {
  FakeIssuer issuer;
  StsService sts(issuer);
  RequestContext ctx;
  ctx.caller.kind = PrincipalKind::root;
  api::sts::GetSessionTokenRequest in;
  in.duration_seconds = 36'000;
  ASSERT_TRUE(sync_wait(sts.get_session_token(ctx, in)).has_value());
  EXPECT_EQ(issuer.asked_duration, std::chrono::hours(1));
  ctx.caller.kind = PrincipalKind::user;
  ASSERT_TRUE(sync_wait(sts.get_session_token(ctx, in)).has_value());
  EXPECT_EQ(issuer.asked_duration, std::chrono::hours(10));
}

TEST(Sts, MfaIsRefusedHonestly) {
  FakeIssuer issuer;
  StsService sts(issuer);
  api::sts::GetSessionTokenRequest in;
  in.serial_number = "arn:aws:iam::111122223333:mfa/x";
  EXPECT_EQ(sync_wait(sts.get_session_token({}, in)).error().code(), "ValidationError");
}

}  // namespace
}  // namespace hearth::sts
