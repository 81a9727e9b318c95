// What EC2 tells the Authorizer of its resources.
#include "services/ec2/ec2_fixture.h"
#include "services/ec2/network.h"

namespace hearth::ec2 {
namespace {

class ResourceTags : public Ec2Fixture {
 protected:
  ConditionContext told(const std::string& resource_arn) {
    const ResourceTagSource source = ec2_->resource_tags();
    Principal caller;
    caller.account_id = ctx_.account_id;
    const Access access{"ec2:CreateTags", resource_arn, {}};
    const auto context = sync_wait(source(caller, access));
    EXPECT_TRUE(context) << resource_arn;
    return context ? *context : ConditionContext();
  }
  std::string arn_of(const std::string& type, const std::string& named) {
    const ResourceNameSource source = ec2_->resource_names();
    const Access access{"ec2:X", own + type + "/*", {}, named};
    return *sync_wait(source(access));
  }
  void tag(const std::string& id) {
    types::CreateTagsRequest in;
    in.resources = {id};
    in.tags.emplace_back().key = "Team";
    in.tags.back().value = id;
    const auto tagged = run(&Ec2Service::create_tags, in);
    ASSERT_TRUE(tagged) << tagged.error().message();
  }

  const std::string own = "arn:aws:ec2:us-east-1:111122223333:";
};

ConditionContext team(const std::string& name) {
  return {{"aws:resourcetag/team", {name}}, {"ec2:resourcetag/team", {name}}};
}

TEST_F(ResourceTags, EveryKindThatCanBeTaggedTellsItsTags) {
  const auto launched = run(&Ec2Service::run_instances, launch_input());
  ASSERT_TRUE(launched) << launched.error().message();
  const std::string instance = *launched->instances->front().instance_id;
  const std::string volume =
      *run(&Ec2Service::describe_volumes, types::DescribeVolumesRequest())->volumes->front().volume_id;
  types::CreateSecurityGroupRequest group_in;
  group_in.group_name = "web";
  group_in.description = "d";
  const std::string group = *run(&Ec2Service::create_security_group, group_in)->group_id;
  std::string rule;
  const auto rules = run(&Ec2Service::describe_security_group_rules, types::DescribeSecurityGroupRulesRequest());
  for (const auto& view : *rules->security_group_rules)
    if (view.group_id.value_or("") == group) rule = *view.security_group_rule_id;
  types::CreateKeyPairRequest key_in;
  key_in.key_name = "laptop";
  key_in.key_type = "ed25519";
  const std::string key = *run(&Ec2Service::create_key_pair, key_in)->key_pair_id;
  const std::string fallback = default_group_id(ctx_.account_id, ctx_.region);

  EXPECT_TRUE(told(own + "instance/" + instance).empty());
  for (const std::string& id : {instance, volume, group, rule, key, fallback}) tag(id);
  EXPECT_EQ(told(own + "instance/" + instance), team(instance));
  EXPECT_EQ(told(own + "volume/" + volume), team(volume));
  EXPECT_EQ(told(own + "security-group/" + group), team(group));
  EXPECT_EQ(told(own + "security-group/" + fallback), team(fallback));
  EXPECT_EQ(told(own + "security-group-rule/" + rule), team(rule));
  EXPECT_EQ(told(own + "key-pair/laptop"), team(key));

  // Of others, and of what is not there or not one thing, there is nothing to tell.
  for (const std::string& resource :
       {"arn:aws:ec2:us-east-1:444455556666:instance/" + instance,
        "arn:aws:ec2:eu-west-1:111122223333:instance/" + instance, own + "instance/*", own + "instance",
        own + "subnet/subnet-1", own + "key-pair/" + key, std::string("*")})
    EXPECT_TRUE(told(resource).empty()) << resource;
}

TEST_F(ResourceTags, RulesOfTheUntouchedDefaultGroupCanBeTagged) {
  const std::string fallback = default_group_id(ctx_.account_id, ctx_.region);
  const auto rules = run(&Ec2Service::describe_security_group_rules, types::DescribeSecurityGroupRulesRequest());
  ASSERT_EQ(rules->security_group_rules->size(), 2u);
  for (const auto& rule : *rules->security_group_rules) {
    EXPECT_EQ(rule.group_id.value_or(""), fallback);
    tag(*rule.security_group_rule_id);
    EXPECT_EQ(told(own + "security-group-rule/" + *rule.security_group_rule_id), team(*rule.security_group_rule_id));
  }
  EXPECT_TRUE(told(own + "security-group/" + fallback).empty());
  // A rule that the group once had is gone: no row comes back for it.
  types::CreateTagsRequest in;
  in.resources = {"sgr-0123456789abcdef0"};
  in.tags.emplace_back().key = "Team";
  EXPECT_EQ(run(&Ec2Service::create_tags, in).error().code(), "InvalidID");
}

TEST_F(ResourceTags, ImagesAndImportsTellTheTagsOfTheirAccount) {
  ImageRow image{.account_id = ctx_.account_id, .region = ctx_.region, .id = "ami-1"};
  image.tags = {{"Team", "ami-1"}};
  ImportTaskRow task{.account_id = ctx_.account_id, .region = ctx_.region, .id = "import-ami-1"};
  task.tags = {{"Team", "import-ami-1"}};
  const TransactionBody write = [&](Transaction& tx) -> Async<void> {
    tx.put(image_key(ctx_.account_id, ctx_.region, image.id), row::encode(image));
    tx.put(import_task_key(ctx_.account_id, ctx_.region, task.id), row::encode(task));
    co_return ok;
  };
  ASSERT_TRUE(sync_wait(transact(store_, write)));
  EXPECT_EQ(told("arn:aws:ec2:us-east-1::image/ami-1"), team("ami-1"));
  EXPECT_EQ(told(own + "import-image-task/import-ami-1"), team("import-ami-1"));
  ctx_.account_id = "444455556666";
  EXPECT_TRUE(told("arn:aws:ec2:us-east-1::image/ami-1").empty());
}

TEST_F(ResourceTags, NamesMeanWhatTheOperationsTakeThemFor) {
  types::CreateKeyPairRequest key_in;
  key_in.key_name = "laptop";
  key_in.key_type = "ed25519";
  const std::string key = *run(&Ec2Service::create_key_pair, key_in)->key_pair_id;
  EXPECT_EQ(arn_of("key-pair", key), own + "key-pair/laptop");
  EXPECT_EQ(arn_of("security-group", "default"),
            own + "security-group/" + default_group_id(ctx_.account_id, ctx_.region));
  EXPECT_EQ(arn_of("security-group", "none"), own + "security-group/*");
}

}  // namespace
}  // namespace hearth::ec2
