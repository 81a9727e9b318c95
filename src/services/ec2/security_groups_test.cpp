#include "services/ec2/ec2_fixture.h"
#include "services/ec2/filters.h"
#include "services/ec2/network.h"

namespace hearth::ec2 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class SecurityGroups : public Ec2Fixture {
 protected:
  std::string create(std::string name) {
    types::CreateSecurityGroupRequest in;
    in.group_name = std::move(name);
    in.description = "of a test";
    const auto created = run(&Ec2Service::create_security_group, in);
    EXPECT_TRUE(created) << created.error().message();
    return created ? *created->group_id : "";
  }
  static types::IpPermission tcp(int from_port, int to_port) {
    types::IpPermission permission;
    permission.ip_protocol = "tcp";
    permission.from_port = from_port;
    permission.to_port = to_port;
    return permission;
  }
  static types::IpPermission from_cidr(int port, std::string cidr) {
    auto permission = tcp(port, port);
    permission.ip_ranges.emplace().emplace_back().cidr_ip = std::move(cidr);
    return permission;
  }
  static types::IpPermission from_group(int port, std::string group_id) {
    auto permission = tcp(port, port);
    permission.user_id_group_pairs.emplace().emplace_back().group_id = std::move(group_id);
    return permission;
  }
  Result<types::AuthorizeSecurityGroupIngressResult> allow(const std::string& group, types::IpPermission permission) {
    types::AuthorizeSecurityGroupIngressRequest in;
    in.group_id = group;
    in.ip_permissions = std::vector{std::move(permission)};
    return run(&Ec2Service::authorize_security_group_ingress, in);
  }
  Result<types::RevokeSecurityGroupIngressResult> revoke(const std::string& group, types::IpPermission permission) {
    types::RevokeSecurityGroupIngressRequest in;
    in.group_id = group;
    in.ip_permissions = std::vector{std::move(permission)};
    return run(&Ec2Service::revoke_security_group_ingress, in);
  }
  std::string launch_in(const std::vector<std::string>& group_ids) {
    auto in = launch_input();
    in.security_group_ids = group_ids;
    return launch_one(in);
  }
  Result<types::DeleteSecurityGroupResult> remove(const std::string& group) {
    types::DeleteSecurityGroupRequest in;
    in.group_id = group;
    return run(&Ec2Service::delete_security_group, in);
  }
};

TEST_F(SecurityGroups, EveryAccountHasADefaultGroupThatLetsItsMembersTalk) {
  const auto groups = run(&Ec2Service::describe_security_groups, types::DescribeSecurityGroupsRequest{});
  ASSERT_TRUE(groups);
  ASSERT_THAT(*groups->security_groups, SizeIs(1));
  const auto& group = groups->security_groups->front();
  EXPECT_EQ(*group.group_name, "default");
  const std::string first = launch_one(), second = launch_one();
  settle();
  const auto rules = runtime_.spec(first)->ingress;
  ASSERT_THAT(rules, SizeIs(1));
  EXPECT_EQ(rules[0].protocol, "-1");
  EXPECT_THAT(rules[0].peer_addresses,
              UnorderedElementsAre(*describe(first).private_ip_address, *describe(second).private_ip_address));
  EXPECT_THAT(runtime_.spec(first)->egress.at(0).cidrs, ElementsAre("0.0.0.0/0"));
  EXPECT_AWS_ERROR(remove(*group.group_id), 400, "CannotDelete");
}

TEST_F(SecurityGroups, ANewGroupLetsNothingInAndEverythingOut) {
  const std::string id = launch_in({create("closed")});
  EXPECT_THAT(runtime_.spec(id)->ingress, IsEmpty());
  EXPECT_THAT(runtime_.spec(id)->egress, SizeIs(1));
}

TEST_F(SecurityGroups, RulesReachRunningInstancesWhenTheyChange) {
  const std::string group = create("web"), id = launch_in({group});
  ASSERT_TRUE(allow(group, from_cidr(443, "10.0.0.0/8")));
  settle();
  ASSERT_THAT(runtime_.spec(id)->ingress, SizeIs(1));
  EXPECT_EQ(runtime_.spec(id)->ingress[0].from_port, 443);
  EXPECT_EQ(runtime_.spec(id)->ingress[0].to_port, 443);
  EXPECT_THAT(runtime_.spec(id)->ingress[0].cidrs, ElementsAre("10.0.0.0/8"));
  ASSERT_TRUE(revoke(group, from_cidr(443, "10.0.0.0/8")));
  settle();
  EXPECT_THAT(runtime_.spec(id)->ingress, IsEmpty());
}

TEST_F(SecurityGroups, AReferenceMeansTheMembersOfThatGroupWheneverTheyComeAndGo) {
  const std::string clients = create("clients"), servers = create("servers");
  ASSERT_TRUE(allow(servers, from_group(5432, clients)));
  const std::string server = launch_in({servers});
  EXPECT_THAT(runtime_.spec(server)->ingress, IsEmpty()) << "no member yet";
  const std::string client = launch_in({clients});
  settle();
  ASSERT_THAT(runtime_.spec(server)->ingress, SizeIs(1));
  EXPECT_THAT(runtime_.spec(server)->ingress[0].peer_addresses, ElementsAre(*describe(client).private_ip_address));
  ASSERT_TRUE(terminate(client));
  settle();
  EXPECT_THAT(runtime_.spec(server)->ingress, IsEmpty());
}

TEST_F(SecurityGroups, OtherGroupsCanBeGivenToARunningInstance) {
  const std::string closed = create("closed"), open = create("open"), id = launch_in({closed});
  ASSERT_TRUE(allow(open, from_cidr(22, "0.0.0.0/0")));
  types::ModifyInstanceAttributeRequest change;
  change.instance_id = id;
  change.groups = std::vector{open};
  ASSERT_TRUE(run(&Ec2Service::modify_instance_attribute, change));
  settle();
  EXPECT_THAT(runtime_.spec(id)->ingress, SizeIs(1));
}

TEST_F(SecurityGroups, RulesHaveIdsByWhichTheyAreFoundAndRevoked) {
  const std::string group = create("web");
  const auto allowed = allow(group, from_cidr(80, "0.0.0.0/0"));
  ASSERT_TRUE(allowed);
  const std::string rule = *allowed->security_group_rules->front().security_group_rule_id;
  types::DescribeSecurityGroupRulesRequest find;
  find.security_group_rule_ids = std::vector{rule};
  const auto found = run(&Ec2Service::describe_security_group_rules, find);
  ASSERT_TRUE(found);
  EXPECT_EQ(*found->security_group_rules->front().cidr_ipv4, "0.0.0.0/0");
  types::RevokeSecurityGroupIngressRequest revoke_by_id;
  revoke_by_id.group_id = group;
  revoke_by_id.security_group_rule_ids = std::vector{rule};
  ASSERT_TRUE(run(&Ec2Service::revoke_security_group_ingress, revoke_by_id));
  EXPECT_AWS_ERROR(run(&Ec2Service::describe_security_group_rules, find), 400, "InvalidSecurityGroupRuleId.NotFound");
}

TEST_F(SecurityGroups, WrongRulesAreRefusedWithAwssCodes) {
  const std::string group = create("web");
  ASSERT_TRUE(allow(group, from_cidr(80, "0.0.0.0/0")));
  EXPECT_AWS_ERROR(allow(group, from_cidr(80, "0.0.0.0/0")), 400, "InvalidPermission.Duplicate");
  EXPECT_AWS_ERROR(revoke(group, from_cidr(81, "0.0.0.0/0")), 400, "InvalidPermission.NotFound");
  EXPECT_AWS_ERROR(allow(group, from_cidr(80, "10.0.0.0/33")), 400, "InvalidParameterValue");
  EXPECT_AWS_ERROR(allow(group, from_cidr(70'000, "0.0.0.0/0")), 400, "InvalidParameterValue");
  EXPECT_AWS_ERROR(allow(group, from_group(80, "sg-00000000000000000")), 400, "InvalidGroup.NotFound");
  EXPECT_AWS_ERROR(allow(group, tcp(80, 80)), 400, "MissingParameter");
  EXPECT_AWS_ERROR(allow("sg-00000000000000000", from_cidr(80, "0.0.0.0/0")), 400, "InvalidGroup.NotFound");
  types::CreateSecurityGroupRequest again;
  again.group_name = "web";
  again.description = "again";
  EXPECT_AWS_ERROR(run(&Ec2Service::create_security_group, again), 400, "InvalidGroup.Duplicate");
}

TEST_F(SecurityGroups, AGroupInUseIsNotDeleted) {
  const std::string used = create("used"), named = create("named");
  const std::string id = launch_in({used});
  EXPECT_AWS_ERROR(remove(used), 400, "DependencyViolation");
  ASSERT_TRUE(terminate(id));
  settle();
  ASSERT_TRUE(allow(used, from_group(1, named)));
  EXPECT_AWS_ERROR(remove(named), 400, "DependencyViolation");
  EXPECT_TRUE(remove(used));
  EXPECT_TRUE(remove(named));
}

TEST(Filters, WildcardsAreThoseOfFileNames) {
  EXPECT_TRUE(matches_wildcard("a*c", "abbbc"));
  EXPECT_TRUE(matches_wildcard("*", ""));
  EXPECT_TRUE(matches_wildcard("a?c", "abc"));
  EXPECT_FALSE(matches_wildcard("a?c", "ac"));
  EXPECT_TRUE(matches_wildcard("*ab*ab", "abxabab"));
  EXPECT_TRUE(matches_wildcard(R"(\*literal\?)", "*literal?"));
  EXPECT_FALSE(matches_wildcard(R"(\*)", "x"));
  EXPECT_FALSE(matches_wildcard("Case", "case"));
}

TEST(Network, NamesAndAddressesFollowFromAccountAndRegion) {
  EXPECT_EQ(default_vpc_id("1", "us-east-1"), default_vpc_id("1", "us-east-1"));
  EXPECT_NE(default_vpc_id("1", "us-east-1"), default_vpc_id("2", "us-east-1"));
  EXPECT_EQ(zones_of("ap-southeast-2")[0].id, "apse2-az1");
  EXPECT_EQ(zones_of("us-east-1")[1].id, "use1-az2");
  EXPECT_EQ(default_subnets("1", "us-east-1")[1].cidr, "172.31.16.0/20");
  EXPECT_EQ(mac_of(*parse_address("172.31.0.5")), "02:00:ac:1f:00:05");
  EXPECT_EQ(private_dns_name("172.31.0.5", "us-east-1"), "ip-172-31-0-5.ec2.internal");
  EXPECT_EQ(private_dns_name("172.31.0.5", "eu-west-1"), "ip-172-31-0-5.eu-west-1.compute.internal");
  EXPECT_FALSE(is_cidr("10.0.0.1/8"));
  EXPECT_FALSE(is_cidr("10.0.0.0"));
  EXPECT_TRUE(is_cidr("0.0.0.0/0"));
}

}  // namespace
}  // namespace hearth::ec2
