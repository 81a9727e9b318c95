#include <boost/json.hpp>

#include "base/bytes.h"
#include "services/ec2/ec2_fixture.h"

namespace hearth::ec2 {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class Metadata : public Ec2Fixture {
 protected:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  MetadataResponse ask(const std::string& id, std::string path, Headers headers = {}, std::string method = "GET") {
    MetadataRequest request{.method = std::move(method), .path = std::move(path), .headers = std::move(headers)};
    auto answered = sync_wait(ec2_->metadata_answer(id, std::move(request)));
    EXPECT_TRUE(answered) << answered.error().message();
    return answered ? *std::move(answered) : MetadataResponse{};
  }
  MetadataResponse ask_token(const std::string& id, std::string ttl, Headers headers = {}) {
    headers.emplace_back("x-aws-ec2-metadata-token-ttl-seconds", std::move(ttl));
    return ask(id, "/latest/api/token", std::move(headers), "PUT");
  }
  std::string value(const std::string& id, const std::string& name) {
    const auto answered = ask(id, "/latest/meta-data/" + name);
    EXPECT_EQ(answered.status, 200) << name;
    return answered.body;
  }
  static types::RunInstancesRequest input_with_role() {
    auto in = launch_input();
    in.iam_instance_profile.emplace().name = "trainer";
    return in;
  }
};

TEST_F(Metadata, TellsAnInstanceWhatDescribeInstancesTellsOthers) {
  const std::string id = launch_one();
  const auto seen = describe(id);
  EXPECT_EQ(value(id, "instance-id"), id);
  EXPECT_EQ(value(id, "ami-id"), host_image_id());
  EXPECT_EQ(value(id, "instance-type"), "t3.micro");
  EXPECT_EQ(value(id, "local-ipv4"), *seen.private_ip_address);
  EXPECT_EQ(value(id, "hostname"), *seen.private_dns_name);
  EXPECT_EQ(value(id, "placement/availability-zone"), *seen.placement->availability_zone);
  EXPECT_EQ(value(id, "placement/region"), "us-east-1");
  EXPECT_EQ(value(id, "security-groups"), "default");
  const std::string mac = value(id, "mac");
  EXPECT_EQ(mac, *seen.network_interfaces->front().mac_address);
  EXPECT_EQ(value(id, "network/interfaces/macs/" + mac + "/subnet-id"), *seen.subnet_id);
  const auto document = boost::json::parse(ask(id, "/latest/dynamic/instance-identity/document").body).as_object();
  EXPECT_EQ(document.at("instanceId").as_string(), id);
  EXPECT_EQ(document.at("accountId").as_string(), ctx_.account_id);
}

TEST_F(Metadata, FoldersListWhatIsInThem) {
  const std::string id = launch_one();
  EXPECT_THAT(ask(id, "/").body, HasSubstr("latest"));
  EXPECT_EQ(ask(id, "/latest/").body, "dynamic\nmeta-data");
  EXPECT_THAT(ask(id, "/latest/meta-data/").body, HasSubstr("placement/"));
  EXPECT_EQ(ask(id, "/latest/meta-data/services").body, "domain\npartition");
  EXPECT_EQ(ask(id, "/latest/meta-data/nothing").status, 404);
  EXPECT_EQ(ask(id, "/latest/meta-data/instance-id/nothing").status, 404);
  EXPECT_EQ(ask(id, "/tomorrow/meta-data/").status, 404);
  EXPECT_EQ(ask(id, "/latest/meta-data/", {}, "POST").status, 405);
}

TEST_F(Metadata, UserDataIsTheBytesGivenOr404) {
  const std::string without = launch_one();
  EXPECT_EQ(ask(without, "/latest/user-data").status, 404);
  auto in = launch_input();
  const std::string bytes("#!/bin/sh\n\0\xff", 12);
  in.user_data = to_base64(bytes);
  const std::string with = launch_one(in);
  EXPECT_EQ(ask(with, "/latest/user-data").body, bytes);
  EXPECT_THAT(ask(with, "/latest/").body, HasSubstr("user-data"));
}

TEST_F(Metadata, ATokenHoldsForItsTimeAndItsInstance) {
  const std::string id = launch_one(), other = launch_one();
  const auto token = ask_token(id, "60");
  ASSERT_EQ(token.status, 200);
  const Headers with = {{"X-AWS-EC2-Metadata-Token", token.body}};
  EXPECT_EQ(ask(id, "/latest/meta-data/instance-id", with).body, id);
  EXPECT_EQ(ask(other, "/latest/meta-data/instance-id", with).status, 401);
  EXPECT_EQ(ask(id, "/latest/meta-data/instance-id", {{"X-aws-ec2-metadata-token", "forged"}}).status, 401);
  restart();
  EXPECT_EQ(ask(id, "/latest/meta-data/instance-id", with).status, 200) << "tokens outlive our restart";
  clock_.advance(seconds(61));
  EXPECT_EQ(ask(id, "/latest/meta-data/instance-id", with).status, 401);
}

TEST_F(Metadata, TokensAreForTheInstanceItselfAndForAtMostSixHours) {
  const std::string id = launch_one();
  EXPECT_EQ(ask_token(id, "1").status, 200);
  EXPECT_EQ(ask_token(id, "21600").status, 200);
  for (const char* ttl : {"0", "21601", "-1", "soon", "", "60s"}) EXPECT_EQ(ask_token(id, ttl).status, 400) << ttl;
  EXPECT_EQ(ask(id, "/latest/api/token", {}, "PUT").status, 400);
  EXPECT_EQ(ask(id, "/latest/api/token").status, 405);
  EXPECT_EQ(ask_token(id, "60", {{"x-forwarded-for", "10.0.0.1"}}).status, 403);
}

TEST_F(Metadata, WhereTokensAreRequiredNothingIsToldWithoutOne) {
  auto in = launch_input();
  in.metadata_options.emplace().http_tokens = "required";
  const std::string id = launch_one(in);
  EXPECT_EQ(ask(id, "/latest/meta-data/instance-id").status, 401);
  EXPECT_EQ(ask(id, "/latest/meta-data/", {{"x-aws-ec2-metadata-token", ask_token(id, "60").body}}).status, 200);
}

TEST_F(Metadata, ADisabledEndpointTellsNothing) {
  auto in = launch_input();
  in.metadata_options.emplace().http_endpoint = "disabled";
  const std::string id = launch_one(in);
  EXPECT_EQ(ask(id, "/latest/meta-data/instance-id").status, 403);
  EXPECT_EQ(ask_token(id, "60").status, 403);
}

TEST_F(Metadata, TagsAreShownOnlyWhereTheyAreEnabled) {
  auto in = launch_input();
  in.tag_specifications = std::vector{tags_of("instance", {{"team", "llm"}})};
  const std::string hidden = launch_one(in);
  EXPECT_EQ(ask(hidden, "/latest/meta-data/tags/instance/team").status, 404);
  EXPECT_THAT(ask(hidden, "/latest/meta-data/").body, Not(HasSubstr("tags/")));
  in.metadata_options.emplace().instance_metadata_tags = "enabled";
  const std::string shown = launch_one(in);
  EXPECT_EQ(value(shown, "tags/instance/team"), "llm");
  EXPECT_EQ(value(shown, "tags/instance"), "team");
}

TEST_F(Metadata, TheRoleOfTheProfileGivesCredentialsThatAreRenewedInTime) {
  const std::string id = launch_one(input_with_role());
  EXPECT_EQ(value(id, "iam/security-credentials/"), "Trainer");
  const auto key = [&] {
    const auto answered = boost::json::parse(value(id, "iam/security-credentials/Trainer")).as_object();
    EXPECT_EQ(answered.at("Code").as_string(), "Success");
    EXPECT_EQ(answered.at("Type").as_string(), "AWS-HMAC");
    return std::string(answered.at("AccessKeyId").as_string());
  };
  const std::string first = key();
  EXPECT_EQ(roles_.last_service, "ec2.amazonaws.com");
  EXPECT_EQ(roles_.last_session, id);
  EXPECT_EQ(key(), first) << "kept while they are good for long";
  clock_.advance(hours(5) + minutes(40));
  EXPECT_EQ(key(), first);
  clock_.advance(minutes(6));
  EXPECT_NE(key(), first) << "renewed before the old ones end";
  EXPECT_THAT(value(id, "iam/info"), HasSubstr("instance-profile/trainer"));
}

TEST_F(Metadata, CredentialsAreNobodyElses) {
  const std::string with = launch_one(input_with_role()), without = launch_one();
  EXPECT_EQ(ask(without, "/latest/meta-data/iam/security-credentials/").status, 404);
  EXPECT_EQ(ask(without, "/latest/meta-data/iam/security-credentials/Trainer").status, 404);
  EXPECT_EQ(ask(with, "/latest/meta-data/iam/security-credentials/Admin").status, 404);
  EXPECT_EQ(roles_.assumed_count, 0);
}

TEST_F(Metadata, ARoleThatDoesNotTrustEc2SaysSo) {
  roles_.trusts_ec2 = false;
  const std::string id = launch_one(input_with_role());
  EXPECT_THAT(value(id, "iam/security-credentials/Trainer"), HasSubstr("AssumeRoleUnauthorizedAccess"));
}

TEST_F(Metadata, TheKeyPairsPublicHalfIsThere) {
  types::CreateKeyPairRequest create;
  create.key_name = "ana";
  create.key_type = "ed25519";
  ASSERT_TRUE(run(&Ec2Service::create_key_pair, create));
  auto in = launch_input();
  in.key_name = "ana";
  const std::string id = launch_one(in);
  EXPECT_EQ(value(id, "public-keys/"), "0=ana");
  EXPECT_THAT(value(id, "public-keys/0/openssh-key"), HasSubstr("ssh-ed25519 "));
  ASSERT_EQ(runtime_.spec(id)->ssh_public_keys.size(), 1u);
  EXPECT_EQ(value(id, "public-keys/0/openssh-key"), runtime_.spec(id)->ssh_public_keys[0]);
}

TEST_F(Metadata, AHopLimitReachesTheDoorOfInstanceMetadata) {
  auto in = launch_input();
  in.metadata_options.emplace().http_put_response_hop_limit = 3;
  EXPECT_EQ(doors_.hop_limits[launch_one(in)], 3);
  EXPECT_EQ(doors_.hop_limits[launch_one()], 1);
}

}  // namespace
}  // namespace hearth::ec2
