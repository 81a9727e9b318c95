#include <gmock/gmock.h>

#include "services/sagemaker/sagemaker_fixture.h"

namespace hearth::sagemaker {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

class Reconciler : public SageMakerFixture {};

TEST_F(Reconciler, AnEndpointServesOnceEveryMachineAnswersPing) {
  models_.answers_ping = false;
  create_all(2);
  reconcile();
  EXPECT_EQ(machines_.count("pending"), 2);
  EXPECT_EQ(status(), "Creating");
  machines_.all_become("running");
  reconcile();
  EXPECT_EQ(status(), "Creating") << "no ping yet";
  models_.answers_ping = true;
  reconcile();
  EXPECT_EQ(status(), "InService");
  EXPECT_EQ(*(*describe()->production_variants)[0].current_instance_count, 2);
  reconcile();
  EXPECT_EQ(machines_.launches.size(), 2u) << "nothing more is launched";
}

TEST_F(Reconciler, AMachineRunsTheModelAsItsRole) {
  auto in = model_input();
  in.primary_container->environment.emplace()["GREETING"] = "it's me";
  ASSERT_TRUE(run(&SageMakerService::create_model, in));
  ASSERT_TRUE(run(&SageMakerService::create_endpoint_config, config_input()));
  ASSERT_TRUE(create_endpoint());
  reconcile();
  const LaunchRequest& launch = machines_.launches.at(0);
  EXPECT_EQ(launch.instance_type, "c5.large");
  EXPECT_EQ(launch.role_arn, "arn:aws:iam::111122223333:role/Serve");
  EXPECT_EQ(launch.service_principal, "sagemaker.amazonaws.com");
  EXPECT_LE(launch.client_token.size(), 64u);
  EXPECT_THAT(launch.user_data, HasSubstr("#!/bin/sh\n"));
  EXPECT_THAT(launch.user_data, HasSubstr("/opt/hearth/hearth-infer --model 's3://models/tiny/' --model-name 'chat' "
                                          "--host 0.0.0.0 --port 8080"));
  EXPECT_THAT(launch.user_data, HasSubstr("export GREETING='it'\\''s me'\n"));
}

TEST_F(Reconciler, NoCapacityFailsANewEndpointWithTheReason) {
  machines_.launch_failure = Error::aws("InsufficientInstanceCapacity", 500, "this host has 2 vCPUs");
  create_all();
  reconcile();
  EXPECT_EQ(status(), "Failed");
  EXPECT_EQ(*describe()->failure_reason, "Unable to provision requested ML compute capacity: this host has 2 vCPUs");
  ASSERT_TRUE(delete_endpoint());
  reconcile();
  EXPECT_FALSE(describe());
}

TEST_F(Reconciler, WhatWasLaunchedOfAFailedEndpointIsTerminated) {
  create_all(2);
  reconcile();
  machines_.all_become("running");
  models_.answers_ping = false;
  clock_.advance(minutes(14));
  reconcile();
  EXPECT_EQ(status(), "Creating");
  clock_.advance(minutes(2));
  reconcile();
  EXPECT_EQ(status(), "Failed");
  EXPECT_THAT(*describe()->failure_reason, HasSubstr("did not pass the ping health check"));
  EXPECT_EQ(machines_.count("shutting-down"), 2);
}

TEST_F(Reconciler, TheTimeLimitIsTheVariants) {
  create_all(1, [](types::CreateEndpointConfigInput& in) {
    in.production_variants[0].model_data_download_timeout_in_seconds = 60;
    in.production_variants[0].container_startup_health_check_timeout_in_seconds = 60;
  });
  models_.answers_ping = false;
  reconcile();
  machines_.all_become("running");
  clock_.advance(seconds(121));
  reconcile();
  EXPECT_EQ(status(), "Failed");
}

TEST_F(Reconciler, AnEngineThatIsDownIsWaitedFor) {
  machines_.launch_failure = Error(ErrorKind::unavailable, "try again");
  create_all();
  reconcile();
  EXPECT_EQ(status(), "Creating");
  machines_.launch_failure.reset();
  reconcile();
  EXPECT_EQ(machines_.count("pending"), 1);
}

TEST_F(Reconciler, ALostMachineIsReplaced) {
  bring_up(2);
  machines_.machines.at("i-1").state = "terminated";
  reconcile();
  EXPECT_EQ(status(), "InService");
  EXPECT_EQ(*(*describe()->production_variants)[0].current_instance_count, 1);
  reconcile();
  ASSERT_TRUE(machines_.machines.contains("i-3"));
  machines_.machines.at("i-3").state = "running";
  reconcile();
  EXPECT_EQ(*(*describe()->production_variants)[0].current_instance_count, 2);

  machines_.machines.erase("i-2");  // nobody even remembers it
  reconcile();
  reconcile();
  EXPECT_EQ(machines_.count("pending"), 1);
}

TEST_F(Reconciler, AMachineThatStopsAnsweringIsLeftAloneForAWhileThenReplaced) {
  bring_up(2);
  models_.silent_addresses.insert("10.0.0.1");
  reconcile();
  EXPECT_EQ(*(*describe()->production_variants)[0].current_instance_count, 1) << "it gets no calls at once";
  clock_.advance(minutes(2));
  models_.silent_addresses.clear();
  reconcile();
  EXPECT_EQ(*(*describe()->production_variants)[0].current_instance_count, 2) << "it came back";
  models_.silent_addresses.insert("10.0.0.1");
  reconcile();
  clock_.advance(minutes(4));
  reconcile();
  reconcile();
  EXPECT_EQ(machines_.machines.at("i-1").state, "shutting-down");
  EXPECT_EQ(machines_.count("pending"), 1);
}

TEST_F(Reconciler, EveryMachineIsAskedAtOnceSoThatOneThatHangsDelaysNone) {
  create_all(2);
  ASSERT_TRUE(create_endpoint("other"));
  reconcile();
  machines_.all_become("running");
  models_.pings_wait_for = 4;
  reconcile();
  EXPECT_EQ(models_.pings_together_max, 4u);
  EXPECT_EQ(status(), "InService");
  EXPECT_EQ(status("other"), "InService");
}

TEST_F(Reconciler, AReplacementThatNeverAnswersIsReplacedInItsTurn) {
  bring_up(1);
  machines_.machines.at("i-1").state = "terminated";
  reconcile();
  reconcile();
  machines_.machines.at("i-2").state = "running";
  models_.answers_ping = false;
  clock_.advance(minutes(14));
  reconcile();
  EXPECT_EQ(machines_.machines.at("i-2").state, "running") << "it may still be loading the model";
  clock_.advance(minutes(2));
  reconcile();
  reconcile();
  EXPECT_EQ(machines_.machines.at("i-2").state, "shutting-down");
  EXPECT_EQ(machines_.count("pending"), 1);
  EXPECT_EQ(status(), "InService");
}

TEST_F(Reconciler, DeletingTerminatesEveryMachineAndThenForgets) {
  bring_up(2);
  ASSERT_TRUE(delete_endpoint());
  EXPECT_THAT(message_of(delete_endpoint()), HasSubstr("Cannot update in-progress endpoint"));
  reconcile();
  EXPECT_EQ(machines_.count("shutting-down"), 2);
  EXPECT_EQ(status(), "Deleting");
  machines_.all_become("terminated");
  reconcile();
  EXPECT_THAT(status(), HasSubstr("Could not find endpoint"));
  EXPECT_TRUE(create_endpoint()) << "the name is free";
}

TEST_F(Reconciler, AnEndpointDeletedBeforeItsFirstRoundLaunchesNothing) {
  create_all();
  ASSERT_TRUE(delete_endpoint());
  reconcile();
  EXPECT_TRUE(machines_.launches.empty());
  EXPECT_FALSE(describe());
}

// The launch went through, and we died before its answer was written down.
TEST_F(Reconciler, AfterACrashWhileLaunchingThereIsOneMachine) {
  machines_.launch_failure = Error(ErrorKind::unavailable, "the answer was lost");
  machines_.fails_after_launching = true;
  create_all();
  reconcile();
  EXPECT_EQ(machines_.machines.size(), 1u);
  restart();
  machines_.launch_failure.reset();
  reconcile();
  machines_.all_become("running");
  reconcile();
  EXPECT_EQ(status(), "InService");
  EXPECT_EQ(machines_.machines.size(), 1u);
}

TEST_F(Reconciler, AMachineLaunchedInACrashIsFoundAndTerminatedWithItsEndpoint) {
  machines_.launch_failure = Error(ErrorKind::unavailable, "the answer was lost");
  machines_.fails_after_launching = true;
  create_all();
  reconcile();
  ASSERT_TRUE(delete_endpoint());
  restart();
  machines_.launch_failure.reset();
  reconcile();
  EXPECT_EQ(machines_.count("shutting-down"), 1);
  machines_.all_become("terminated");
  reconcile();
  EXPECT_FALSE(describe());
  EXPECT_EQ(machines_.machines.size(), 1u);
}

// The same token with another script is refused, so what a newer version would ask for names no machine.
TEST_F(Reconciler, ALaunchOfAnOlderVersionIsFoundAndTerminated) {
  machines_.launch_failure = Error(ErrorKind::unavailable, "the answer was lost");
  machines_.fails_after_launching = true;
  create_all();
  reconcile();
  const std::string older = "#!/bin/sh\n# as an older version starts its model server\n";
  for (auto& [token, script] : machines_.scripts_by_token) script = older;
  const std::string key = endpoint_key(ctx_.account_id, ctx_.region, "chat");
  auto row = row::decode<EndpointRow>(**sync_wait(store_.get(key)));
  ASSERT_TRUE(row);
  row->instances[0].script = older;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    tx.put(key, row::encode(*row));
    co_return ok;
  };
  ASSERT_TRUE(sync_wait(transact(store_, body)));
  restart();
  machines_.launch_failure.reset();
  ASSERT_TRUE(delete_endpoint());
  reconcile();
  EXPECT_EQ(machines_.launches.back().user_data, older);
  EXPECT_EQ(machines_.count("shutting-down"), 1);
}

TEST_F(Reconciler, ARestartFindsItsEndpointsServing) {
  bring_up();
  restart();
  reconcile();
  EXPECT_EQ(status(), "InService");
  EXPECT_EQ(machines_.launches.size(), 1u);
}

TEST_F(Reconciler, AnEndpointOfTheSameNameIsAnotherOne) {
  create_all();
  reconcile();
  ASSERT_TRUE(delete_endpoint());
  reconcile();
  machines_.all_become("terminated");
  reconcile();
  ASSERT_TRUE(create_endpoint());
  reconcile();
  EXPECT_EQ(machines_.machines.size(), 2u);
}

}  // namespace
}  // namespace hearth::sagemaker
