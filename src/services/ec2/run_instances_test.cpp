#include "base/bytes.h"
#include "services/ec2/ec2_fixture.h"

namespace hearth::ec2 {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RunInstances : public Ec2Fixture {};

TEST_F(RunInstances, AnswersPendingBeforeAnyMachineStarts) {
  const auto launched = launch(launch_input(2));
  ASSERT_TRUE(launched) << launched.error().message();
  ASSERT_THAT(*launched->instances, SizeIs(2));
  EXPECT_EQ(*launched->instances->front().state->name, "pending");
  EXPECT_EQ(runtime_.start_count(), 0);
  settle();
  EXPECT_THAT(runtime_.running_ids(), SizeIs(2));
  EXPECT_EQ(state(*launched->instances->front().instance_id), "running");
  EXPECT_THAT(doors_.open_ids, SizeIs(2));
}

TEST_F(RunInstances, InstancesOfOneCallAreOneReservationWithTheirOwnAddresses) {
  const auto launched = launch(launch_input(3));
  ASSERT_TRUE(launched);
  std::set<std::string> addresses;
  for (const auto& instance : *launched->instances) addresses.insert(*instance.private_ip_address);
  EXPECT_THAT(addresses, SizeIs(3));
  types::DescribeInstancesRequest all;
  EXPECT_THAT(*run(&Ec2Service::describe_instances, all)->reservations, SizeIs(1));
}

TEST_F(RunInstances, TheSameClientTokenGivesTheSameInstances) {
  auto in = launch_input();
  in.client_token = "once";
  const auto first = launch(in);
  settle();
  const auto second = launch(in);
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(*first->instances->front().instance_id, *second->instances->front().instance_id);
  EXPECT_EQ(*first->reservation_id, *second->reservation_id);
  settle();
  EXPECT_EQ(runtime_.start_count(), 1);
}

TEST_F(RunInstances, AClientTokenWithOtherParametersIsAMistake) {
  auto in = launch_input();
  in.client_token = "once";
  ASSERT_TRUE(launch(in));
  in.instance_type = "t3.small";
  EXPECT_AWS_ERROR(launch(in), 400, "IdempotentParameterMismatch");
}

TEST_F(RunInstances, AnotherVolumeSizeOrShutdownBehaviorIsAnotherCallToo) {
  auto in = launch_input();
  in.client_token = "once";
  ASSERT_TRUE(launch(in));
  auto larger = in;
  auto& mapping = larger.block_device_mappings.emplace().emplace_back();
  mapping.device_name = root_device;
  mapping.ebs.emplace().volume_size = 20;
  EXPECT_AWS_ERROR(launch(larger), 400, "IdempotentParameterMismatch");
  auto terminating = in;
  terminating.instance_initiated_shutdown_behavior = "terminate";
  EXPECT_AWS_ERROR(launch(terminating), 400, "IdempotentParameterMismatch");
}

TEST_F(RunInstances, DryRunSaysItWouldWorkAndMakesNothing) {
  auto in = launch_input();
  in.dry_run = true;
  EXPECT_AWS_ERROR(launch(in), 412, "DryRunOperation");
  EXPECT_THAT(described_ids(), IsEmpty());
}

TEST_F(RunInstances, AHostWithoutRoomSaysWhatItHas) {
  runtime_.set_capacity({.vcpu_count = 2, .memory_bytes = std::uint64_t{4} << 30, .gpus = {}});
  auto in = launch_input();
  in.instance_type = "c5.xlarge";
  auto refused = launch(in);
  EXPECT_AWS_ERROR(refused, 500, "InsufficientInstanceCapacity");
  EXPECT_THAT(refused.error().message(), HasSubstr("needs 4 vCPUs; this host has 2"));
  in.instance_type = "t3.large";
  refused = launch(in);
  EXPECT_AWS_ERROR(refused, 500, "InsufficientInstanceCapacity");
  EXPECT_THAT(refused.error().message(), HasSubstr("8192 MiB of memory; this host has 4096 MiB"));
  in.instance_type = "g5.xlarge";
  EXPECT_AWS_ERROR(launch(in), 500, "InsufficientInstanceCapacity");
  EXPECT_THAT(described_ids(), IsEmpty());
}

TEST_F(RunInstances, ProcessorsAreNeverOversubscribedExceptAmongBurstableTypes) {
  runtime_.set_capacity({.vcpu_count = 2, .memory_bytes = std::uint64_t{64} << 30, .gpus = {}});
  ASSERT_TRUE(launch(launch_input(4))) << "t3 machines share";
  auto in = launch_input();
  in.instance_type = "m5.large";
  ASSERT_TRUE(launch(in));
  EXPECT_AWS_ERROR(launch(in), 500, "InsufficientInstanceCapacity");
}

TEST_F(RunInstances, AsManyAsThereIsRoomForButAtLeastTheMinimum) {
  runtime_.set_capacity({.vcpu_count = 6, .memory_bytes = std::uint64_t{64} << 30, .gpus = {}});
  auto in = launch_input(2, 9);
  in.instance_type = "m5.large";
  const auto launched = launch(in);
  ASSERT_TRUE(launched) << launched.error().message();
  EXPECT_THAT(*launched->instances, SizeIs(3));
  in.min_count = 1;
  EXPECT_AWS_ERROR(launch(in), 500, "InsufficientInstanceCapacity");
}

HostGpu gpu(std::string uuid, std::string name, std::uint64_t memory_mib) {
  return {.uuid = std::move(uuid), .name = std::move(name), .memory_bytes = memory_mib << 20};
}

TEST_F(RunInstances, EachGpuIsHeldByOneInstance) {
  runtime_.set_capacity({.vcpu_count = 64,
                         .memory_bytes = std::uint64_t{256} << 30,
                         .gpus = {gpu("GPU-a", "NVIDIA A10G", 23028), gpu("GPU-b", "NVIDIA A10G", 23028)}});
  auto in = launch_input(2);
  in.instance_type = "g5.xlarge";
  const auto launched = launch(in);
  ASSERT_TRUE(launched) << launched.error().message();
  settle();
  std::set<std::string> gpus;
  for (const auto& instance : *launched->instances) {
    const auto spec = runtime_.spec(*instance.instance_id);
    ASSERT_TRUE(spec);
    ASSERT_THAT(spec->gpu_uuids, SizeIs(1));
    gpus.insert(spec->gpu_uuids.front());
  }
  EXPECT_THAT(gpus, ElementsAre("GPU-a", "GPU-b"));
  in.min_count = in.max_count = 1;
  EXPECT_AWS_ERROR(launch(in), 500, "InsufficientInstanceCapacity");
  ASSERT_TRUE(terminate(*launched->instances->front().instance_id));
  settle();
  EXPECT_TRUE(launch(in)) << "a terminated instance gives its GPU back";
}

TEST_F(RunInstances, AGpuTypeTakesTheSmallestGpuThatHasItsMemory) {
  runtime_.set_capacity({.vcpu_count = 64,
                         .memory_bytes = std::uint64_t{512} << 30,
                         .gpus = {gpu("GPU-large", "NVIDIA H100 80GB HBM3", 81559), gpu("GPU-small", "Tesla T4", 15360),
                                  gpu("GPU-middle", "NVIDIA GeForce RTX 4090", 24564)}});
  auto in = launch_input();
  const auto gpus_of = [&](const char* type) {
    in.instance_type = type;
    const auto launched = launch(in);
    if (!launched) return std::vector<std::string>{launched.error().message()};
    settle();
    return runtime_.spec(*launched->instances->front().instance_id)->gpu_uuids;
  };
  EXPECT_THAT(gpus_of("g5.xlarge"), ElementsAre("GPU-middle")) << "and the large one stays for who needs it";
  EXPECT_THAT(gpus_of("p5.4xlarge"), ElementsAre("GPU-large"));
  EXPECT_THAT(gpus_of("g6.xlarge"), ElementsAre(HasSubstr("Tesla T4 (15360 MiB)"))) << "what is left is too small";
  EXPECT_THAT(gpus_of("g4dn.xlarge"), ElementsAre("GPU-small"));
}

TEST_F(RunInstances, AGpuOfUnknownMemoryServesTheTypesOfItsModel) {
  runtime_.set_capacity(
      {.vcpu_count = 64, .memory_bytes = std::uint64_t{256} << 30, .gpus = {gpu("GPU-a", "NVIDIA A10G", 0)}});
  auto in = launch_input();
  in.instance_type = "p5.4xlarge";
  EXPECT_AWS_ERROR(launch(in), 500, "InsufficientInstanceCapacity");
  in.instance_type = "g5.xlarge";
  EXPECT_TRUE(launch(in));
}

TEST_F(RunInstances, WhereIsolationIsImpossibleTheAnswerSaysWhatIsMissing) {
  runtime_.set_missing_requirements({"This is not root.", "There is no memory cgroup."});
  const auto refused = launch(launch_input());
  EXPECT_AWS_ERROR(refused, 400, "Unsupported");
  EXPECT_THAT(refused.error().message(), HasSubstr("This is not root. There is no memory cgroup."));
}

TEST_F(RunInstances, UserDataHasAtMost16KiBAndReachesTheMachineAsItWas) {
  auto in = launch_input();
  in.user_data = to_base64(std::string(16'384, 'x'));
  const std::string id = launch_one(in);
  EXPECT_EQ(runtime_.spec(id)->user_data, std::string(16'384, 'x'));
  in.user_data = to_base64(std::string(16'385, 'x'));
  EXPECT_AWS_ERROR(launch(in), 400, "InvalidParameterValue");
  in.user_data = "#!/bin/sh";
  EXPECT_AWS_ERROR(launch(in), 400, "InvalidUserData.Malformed");
}

TEST_F(RunInstances, GivingAProfileNeedsPassRoleOfItsRoleToEc2) {
  auto in = launch_input();
  in.iam_instance_profile.emplace().name = "trainer";
  ASSERT_TRUE(launch(in));
  ASSERT_THAT(authorizer_.asked, SizeIs(1));
  EXPECT_EQ(authorizer_.asked[0].action, "iam:PassRole");
  EXPECT_EQ(authorizer_.asked[0].resource, "arn:aws:iam::111122223333:role/Trainer");
  EXPECT_THAT(authorizer_.asked[0].context.at("iam:passedtoservice"), Contains("ec2.amazonaws.com"));
  authorizer_.denied_actions = {"iam:PassRole"};
  const auto refused = launch(in);
  EXPECT_AWS_ERROR(refused, 403, "UnauthorizedOperation");
  EXPECT_THAT(refused.error().message(), HasSubstr("iam:PassRole"));
  EXPECT_THAT(described_ids(), SizeIs(1));
}

TEST_F(RunInstances, AProfileIsNamedByNameOrArnAndHasARole) {
  auto in = launch_input();
  in.iam_instance_profile.emplace().arn = "arn:aws:iam::111122223333:instance-profile/trainer";
  const auto launched = launch(in);
  ASSERT_TRUE(launched) << launched.error().message();
  EXPECT_EQ(*launched->instances->front().iam_instance_profile->arn,
            "arn:aws:iam::111122223333:instance-profile/trainer");
  in.iam_instance_profile.emplace().name = "nobody";
  EXPECT_AWS_ERROR(launch(in), 400, "InvalidParameterValue");
  in.iam_instance_profile.emplace().name = "empty";
  EXPECT_AWS_ERROR(launch(in), 400, "InvalidParameterValue");
}

TEST_F(RunInstances, WhatIsAskedWronglyIsRefusedWithAwssCodes) {
  const auto refused = [&](auto change, const char* code) {
    auto in = launch_input();
    change(in);
    const auto result = launch(in);
    ASSERT_FALSE(result) << code;
    EXPECT_EQ(result.error().code(), code) << result.error().message();
  };
  refused([](auto& in) { in.min_count = 0; }, "InvalidParameterValue");
  refused([](auto& in) { in.min_count = 2; }, "InvalidParameterValue");
  refused([](auto& in) { in.image_id = "ami-0000000000000dead"; }, "InvalidAMIID.NotFound");
  refused([](auto& in) { in.image_id = "debian"; }, "InvalidAMIID.Malformed");
  refused([](auto& in) { in.instance_type = "t9.mega"; }, "InvalidInstanceType");
  refused([](auto& in) { in.key_name = "none"; }, "InvalidKeyPair.NotFound");
  refused([](auto& in) { in.subnet_id = "subnet-00000000000000000"; }, "InvalidSubnetID.NotFound");
  refused([](auto& in) { in.security_group_ids = std::vector<std::string>{"sg-00000000000000000"}; },
          "InvalidGroup.NotFound");
  refused([](auto& in) { in.private_ip_address = "10.0.0.1"; }, "InvalidParameterValue");
  refused([](auto& in) { in.metadata_options.emplace().http_tokens = "maybe"; }, "InvalidParameterValue");
  refused([](auto& in) { in.instance_initiated_shutdown_behavior = "explode"; }, "InvalidParameterValue");
  refused([](auto& in) { in.placement.emplace().tenancy = "dedicated"; }, "Unsupported");
  refused([](auto& in) { in.placement.emplace().group_name = "rack"; }, "Unsupported");
  refused([](auto& in) { in.tag_specifications = std::vector{tags_of("instance", {{"aws:x", "y"}})}; },
          "InvalidParameterValue");
  refused([](auto& in) { in.instance_market_options.emplace().market_type = "spot"; }, "Unsupported");
  EXPECT_THAT(described_ids(), IsEmpty());
}

TEST_F(RunInstances, TagsAndVolumeSizeAreKept) {
  auto in = launch_input();
  in.tag_specifications = std::vector{tags_of("instance", {{"team", "llm"}}), tags_of("volume", {{"disk", "root"}})};
  auto& mapping = in.block_device_mappings.emplace().emplace_back();
  mapping.device_name = root_device;
  mapping.ebs.emplace().volume_size = 42;
  const std::string id = launch_one(in);
  EXPECT_EQ(*describe(id).tags->front().value, "llm");
  EXPECT_EQ(runtime_.spec(id)->root_volume_bytes, std::uint64_t{42} << 30);
  const auto volumes = run(&Ec2Service::describe_volumes, types::DescribeVolumesRequest{});
  ASSERT_TRUE(volumes);
  ASSERT_THAT(*volumes->volumes, SizeIs(1));
  EXPECT_EQ(*volumes->volumes->front().size, 42);
  EXPECT_EQ(*volumes->volumes->front().tags->front().key, "disk");
}

// --- machines of our own services ---

TEST_F(RunInstances, AServiceLaunchesWithItsRoleAndFindsTheSameMachineByItsToken) {
  LaunchRequest request{.account_id = ctx_.account_id,
                        .region = ctx_.region,
                        .instance_type = "c5.large",
                        .role_arn = "arn:aws:iam::111122223333:role/Serve",
                        .service_principal = "sagemaker.amazonaws.com",
                        .user_data = "#!/bin/sh\n",
                        .tags = {},
                        .client_token = "variant-1"};
  const auto launched = sync_wait(ec2_->launch(request));
  ASSERT_TRUE(launched) << launched.error().message();
  EXPECT_EQ(sync_wait(ec2_->launch(request))->id, launched->id);
  settle();
  EXPECT_EQ(sync_wait(ec2_->describe(ctx_.account_id, launched->id))->state, "running");
  EXPECT_FALSE(sync_wait(ec2_->describe("999999999999", launched->id))) << "another account sees nothing";
  const auto answer = sync_wait(ec2_->metadata_answer(
      launched->id, {"PUT", "/latest/api/token", {{"X-aws-ec2-metadata-token-ttl-seconds", "60"}}}));
  const auto credentials = sync_wait(ec2_->metadata_answer(
      launched->id,
      {"GET", "/latest/meta-data/iam/security-credentials/Serve", {{"X-aws-ec2-metadata-token", answer->body}}}));
  EXPECT_EQ(credentials->status, 200);
  EXPECT_EQ(roles_.last_service, "sagemaker.amazonaws.com");
  ASSERT_TRUE(sync_wait(ec2_->terminate(ctx_.account_id, launched->id)));
  settle();
  EXPECT_EQ(sync_wait(ec2_->describe(ctx_.account_id, launched->id))->state, "terminated");
}

TEST_F(RunInstances, WhatChangesNothingHereIsShownAsItWasAsked) {
  auto in = launch_input();
  in.ebs_optimized = true;
  in.monitoring.emplace().enabled = true;
  auto& disk = in.block_device_mappings.emplace().emplace_back();
  disk.device_name = root_device;
  disk.ebs.emplace().volume_type = "gp2";
  auto& interface = in.network_interfaces.emplace().emplace_back();
  interface.device_index = 0;
  interface.description = "front";
  const auto seen = describe(launch_one(in));
  EXPECT_TRUE(*seen.ebs_optimized);
  EXPECT_EQ(*seen.monitoring->state, "enabled");
  EXPECT_EQ(*seen.network_interfaces->front().description, "front");
  EXPECT_EQ(*run(&Ec2Service::describe_volumes, types::DescribeVolumesRequest())->volumes->front().volume_type, "gp2");

  const auto plain = describe(launch_one());
  EXPECT_FALSE(*plain.ebs_optimized);
  EXPECT_EQ(*plain.monitoring->state, "disabled");
}

TEST_F(RunInstances, AZoneIsChosenByNameOrId) {
  auto in = launch_input();
  in.placement.emplace().availability_zone_id = "use1-az2";
  EXPECT_EQ(*describe(launch_one(in)).placement->availability_zone, "us-east-1b");
  in.placement->availability_zone_id = "use1-az9";
  EXPECT_AWS_ERROR(launch(in), 400, "InvalidParameterValue");
  in.placement->availability_zone_id.reset();
  in.placement->availability_zone = "us-east-1a";
  in.subnet_id = *describe(described_ids().front()).subnet_id;
  EXPECT_AWS_ERROR(launch(in), 400, "InvalidParameterCombination");
}

TEST_F(RunInstances, CreditsAreForBurstableTypes) {
  auto in = launch_input();
  in.credit_specification.emplace().cpu_credits = "unlimited";
  EXPECT_TRUE(launch(in));
  in.instance_type = "c5.large";
  EXPECT_AWS_ERROR(launch(in), 400, "InvalidParameterCombination");
}

}  // namespace
}  // namespace hearth::ec2
