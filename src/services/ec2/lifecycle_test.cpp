// What happens to instances after their launch: states, the reconciler, crashes, consoles and metrics.
#include <future>
#include <thread>

#include "services/ec2/ec2_fixture.h"

namespace hearth::ec2 {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::SizeIs;

class Lifecycle : public Ec2Fixture {};

TEST_F(Lifecycle, StopStartAndTerminateGoThroughAwssStates) {
  const std::string id = launch_one();
  const auto stopping = stop(id);
  ASSERT_TRUE(stopping);
  EXPECT_EQ(*stopping->stopping_instances->front().previous_state->name, "running");
  EXPECT_EQ(*stopping->stopping_instances->front().current_state->name, "stopping");
  EXPECT_EQ(*stopping->stopping_instances->front().current_state->code, 64);
  settle();
  EXPECT_EQ(state(id), "stopped");
  EXPECT_EQ(*describe(id).state_reason->code, "Client.UserInitiatedShutdown");
  EXPECT_THAT(*describe(id).state_transition_reason, HasSubstr("User initiated ("));
  EXPECT_THAT(doors_.open_ids, IsEmpty());

  const auto starting = start(id);
  ASSERT_TRUE(starting) << starting.error().message();
  EXPECT_EQ(*starting->starting_instances->front().current_state->name, "pending");
  settle();
  EXPECT_EQ(state(id), "running");
  EXPECT_EQ(runtime_.start_count(), 2);
  EXPECT_EQ(*describe(id).state_transition_reason, "");

  const auto ending = terminate(id);
  ASSERT_TRUE(ending);
  EXPECT_EQ(*ending->terminating_instances->front().current_state->name, "shutting-down");
  settle();
  EXPECT_EQ(state(id), "terminated");
  EXPECT_FALSE(runtime_.spec(id)) << "nothing of it is left in the runtime";
  EXPECT_EQ(outbox_.payloads.size(), 8u) << "every change of state is told";
  EXPECT_THAT(outbox_.payloads.back(), HasSubstr(R"("state":"terminated")"));
}

TEST_F(Lifecycle, ATerminatedInstanceIsSeenForAnHourAndCannotBeStarted) {
  const std::string id = launch_one();
  ASSERT_TRUE(terminate(id));
  settle();
  EXPECT_AWS_ERROR(start(id), 400, "IncorrectInstanceState");
  EXPECT_AWS_ERROR(stop(id), 400, "IncorrectInstanceState");
  EXPECT_TRUE(terminate(id)) << "again is no mistake";
  clock_.advance(hours(1) - seconds(1));
  settle();
  EXPECT_THAT(described_ids(), ElementsAre(id));
  clock_.advance(seconds(2));
  settle();
  EXPECT_THAT(described_ids(), IsEmpty());
  EXPECT_AWS_ERROR(stop(id), 400, "InvalidInstanceID.NotFound");
}

TEST_F(Lifecycle, RepeatedWishesAreNoMistakes) {
  const std::string id = launch_one();
  ASSERT_TRUE(start(id));
  EXPECT_EQ(state(id), "running");
  ASSERT_TRUE(stop(id));
  ASSERT_TRUE(stop(id));
  settle();
  ASSERT_TRUE(stop(id));
  EXPECT_EQ(state(id), "stopped");
  EXPECT_AWS_ERROR(stop("i-0000000000000dead"), 400, "InvalidInstanceID.NotFound");
  EXPECT_AWS_ERROR(stop("my-machine"), 400, "InvalidInstanceID.Malformed");
}

TEST_F(Lifecycle, AllOrNoneOfTheNamedInstancesChange) {
  const std::string id = launch_one();
  types::StopInstancesRequest in;
  in.instance_ids = {id, "i-0000000000000dead"};
  EXPECT_AWS_ERROR(run(&Ec2Service::stop_instances, in), 400, "InvalidInstanceID.NotFound");
  EXPECT_EQ(state(id), "running");
}

TEST_F(Lifecycle, ProtectionRefusesTheEnd) {
  auto in = launch_input();
  in.disable_api_termination = true;
  const std::string id = launch_one(in);
  EXPECT_AWS_ERROR(terminate(id), 400, "OperationNotPermitted");
  types::ModifyInstanceAttributeRequest change;
  change.instance_id = id;
  change.disable_api_termination.emplace().value = false;
  ASSERT_TRUE(run(&Ec2Service::modify_instance_attribute, change));
  EXPECT_TRUE(terminate(id));
}

TEST_F(Lifecycle, TheTypeOfAStoppedInstanceCanBeChanged) {
  const std::string id = launch_one();
  types::ModifyInstanceAttributeRequest change;
  change.instance_id = id;
  change.instance_type.emplace().value = "t3.small";
  EXPECT_AWS_ERROR(run(&Ec2Service::modify_instance_attribute, change), 400, "IncorrectInstanceState");
  ASSERT_TRUE(stop(id));
  settle();
  ASSERT_TRUE(run(&Ec2Service::modify_instance_attribute, change));
  ASSERT_TRUE(start(id));
  settle();
  EXPECT_EQ(runtime_.spec(id)->memory_bytes, std::uint64_t{2} << 30);
}

TEST_F(Lifecycle, StartingNeedsRoomForAllOfThem) {
  auto in = launch_input();
  in.instance_type = "m5.large";
  const std::string first = launch_one(in), second = launch_one(in);
  ASSERT_TRUE(stop(first));
  ASSERT_TRUE(stop(second));
  settle();
  runtime_.set_capacity({.vcpu_count = 2, .memory_bytes = std::uint64_t{32} << 30, .gpus = {}});
  types::StartInstancesRequest both;
  both.instance_ids = {first, second};
  EXPECT_AWS_ERROR(run(&Ec2Service::start_instances, both), 500, "InsufficientInstanceCapacity");
  EXPECT_EQ(state(first), "stopped");
  EXPECT_TRUE(start(first));
  EXPECT_AWS_ERROR(start(second), 500, "InsufficientInstanceCapacity");
}

TEST_F(Lifecycle, AMachineThatCannotStartIsTerminatedAndSaysWhy) {
  runtime_.fail_next_start(Error(ErrorKind::internal, "the container runtime is broken"));
  const auto broken = launch(launch_input());
  settle();
  const std::string id = *broken->instances->front().instance_id;
  EXPECT_EQ(state(id), "terminated");
  EXPECT_EQ(*describe(id).state_reason->code, "Server.InternalError");
  EXPECT_THAT(*describe(id).state_reason->message, HasSubstr("the container runtime is broken"));
  runtime_.fail_next_start(Error(ErrorKind::no_space, "the disk is full"));
  const auto full = launch(launch_input());
  settle();
  EXPECT_EQ(*describe(*full->instances->front().instance_id).state_reason->code, "Server.InsufficientInstanceCapacity");
}

TEST_F(Lifecycle, AStoppedMachineThatCannotStartAgainKeepsItsDisk) {
  const std::string id = launch_one();
  ASSERT_TRUE(stop(id));
  settle();
  runtime_.fail_next_start(Error(ErrorKind::unavailable, "no cgroup today"));
  ASSERT_TRUE(start(id));
  settle();
  EXPECT_EQ(state(id), "stopped");
  EXPECT_THAT(*describe(id).state_reason->message, HasSubstr("no cgroup today"));
  EXPECT_TRUE(runtime_.spec(id)) << "its root volume is still there";
  ASSERT_TRUE(start(id));
  settle();
  EXPECT_EQ(state(id), "running");
}

TEST_F(Lifecycle, AShutdownFromInsideStopsOrTerminatesAsWished) {
  const std::string stopping = launch_one();
  auto in = launch_input();
  in.instance_initiated_shutdown_behavior = "terminate";
  const std::string ending = launch_one(in);
  runtime_.finish(stopping, 0);
  runtime_.finish(ending, 0);
  settle();
  EXPECT_EQ(state(stopping), "stopped");
  EXPECT_EQ(*describe(stopping).state_reason->code, "Client.InstanceInitiatedShutdown");
  EXPECT_TRUE(runtime_.spec(stopping));
  EXPECT_EQ(state(ending), "terminated");
  EXPECT_FALSE(runtime_.spec(ending));
}

TEST_F(Lifecycle, AKilledMachineSaysWhatHappened) {
  const std::string id = launch_one();
  runtime_.finish(id, 137, "killed: out of memory");
  settle();
  EXPECT_THAT(*describe(id).state_reason->message, HasSubstr("killed: out of memory"));
}

TEST_F(Lifecycle, RebootStartsTheSameMachineAnew) {
  const std::string id = launch_one();
  ASSERT_TRUE(reboot(id));
  settle();
  EXPECT_EQ(state(id), "running");
  EXPECT_EQ(runtime_.start_count(), 2);
  EXPECT_THAT(doors_.open_ids, Contains(id));
  settle();
  EXPECT_EQ(runtime_.start_count(), 2) << "once";
  ASSERT_TRUE(stop(id));
  EXPECT_AWS_ERROR(reboot(id), 400, "IncorrectInstanceState");
}

// --- crashes ---

TEST_F(Lifecycle, ACrashAfterTheAnswerIsFinishedByTheNextProcess) {
  const auto launched = launch(launch_input());
  restart();
  settle();
  EXPECT_THAT(runtime_.running_ids(), ElementsAre(*launched->instances->front().instance_id));
}

TEST_F(Lifecycle, RunningMachinesAreTakenOverByTheNextProcess) {
  const std::string id = launch_one();
  restart();
  EXPECT_THAT(doors_.open_ids, IsEmpty());
  settle();
  EXPECT_EQ(runtime_.start_count(), 1) << "it went on running";
  EXPECT_THAT(doors_.open_ids, Contains(id)) << "its metadata answers again";
}

TEST_F(Lifecycle, ACrashBetweenStartAndItsRecordStartsNothingTwice) {
  const auto launched = launch(launch_input());
  const std::string id = *launched->instances->front().instance_id;
  ASSERT_TRUE(sync_wait(runtime_.start({.id = id})));  // what the crashed process did last
  restart();
  settle();
  EXPECT_EQ(runtime_.start_count(), 1);
  EXPECT_EQ(state(id), "running");
  EXPECT_THAT(doors_.open_ids, Contains(id));
}

TEST_F(Lifecycle, ACrashInTheMiddleOfARebootBootsTheMachine) {
  auto in = launch_input();
  in.instance_initiated_shutdown_behavior = "terminate";
  const std::string id = launch_one(in);
  ASSERT_TRUE(reboot(id));
  ASSERT_TRUE(sync_wait(runtime_.stop(id, seconds(1))));  // the crashed process got this far
  restart();
  settle();
  EXPECT_EQ(state(id), "running");
  EXPECT_EQ(runtime_.start_count(), 2);
}

TEST_F(Lifecycle, AMachineThatEndsWhileTheNextLookIsTakenIsNotBootedAgain) {
  std::promise<void> begun, go_on;
  doors_.before_next_open = [&] {
    begun.set_value();
    go_on.get_future().wait();
  };
  const std::string id = *launch(launch_input())->instances->front().instance_id;
  std::thread first_look([&] { reconcile(); });
  begun.get_future().wait();
  // The second look has read that the machine is pending; what it observes comes after it ran and ended.
  runtime_.during_next_observe([&] {
    go_on.set_value();
    first_look.join();
    runtime_.finish(id, 0);
  });
  settle();
  EXPECT_EQ(runtime_.start_count(), 1);
  EXPECT_EQ(state(id), "stopped");
}

TEST_F(Lifecycle, ACrashWhileStoppingOrTerminatingIsFinished) {
  const std::string stopping = launch_one(), ending = launch_one();
  ASSERT_TRUE(stop(stopping));
  ASSERT_TRUE(terminate(ending));
  restart();
  settle();
  EXPECT_EQ(state(stopping), "stopped");
  EXPECT_EQ(state(ending), "terminated");
  EXPECT_THAT(runtime_.running_ids(), IsEmpty());
}

TEST_F(Lifecycle, MachinesThatNoRowNamesAreRemoved) {
  ASSERT_TRUE(sync_wait(runtime_.start({.id = "i-00000000000000bad"})));
  settle();
  EXPECT_THAT(runtime_.running_ids(), IsEmpty());
}

TEST_F(Lifecycle, AHostThatWentDownBootsItsMachinesAgain) {
  const std::string id = launch_one();
  ASSERT_TRUE(sync_wait(runtime_.remove(id)));  // no process and no exit code: the host was off
  restart();
  settle();
  EXPECT_EQ(state(id), "running");
  EXPECT_EQ(runtime_.start_count(), 2);
}

// --- consoles ---

class Console : public Ec2Fixture {
 protected:
  std::vector<std::string> lines(const std::string& id) { return sinks_.log_lines["/hearth/ec2/console " + id]; }
};

TEST_F(Console, LinesGoToLogsOnceAlsoOverARestart) {
  const std::string id = launch_one();
  runtime_.append_console(id, "one\r\ntwo\nthr");
  ASSERT_TRUE(ec2_->follow_consoles_once());
  EXPECT_THAT(lines(id), ElementsAre("one", "two"));
  restart();
  runtime_.append_console(id, "ee\n\nfour\n");
  ASSERT_TRUE(ec2_->follow_consoles_once());
  EXPECT_THAT(lines(id), ElementsAre("one", "two", "three", "four"));
}

TEST_F(Console, NothingIsLostWhileLogsAreDown) {
  const std::string id = launch_one();
  runtime_.append_console(id, "early\n");
  sinks_.logs_failure = Error(ErrorKind::unavailable, "down");
  ASSERT_TRUE(ec2_->follow_consoles_once());
  sinks_.logs_failure.reset();
  runtime_.append_console(id, "late\n");
  ASSERT_TRUE(ec2_->follow_consoles_once());
  EXPECT_THAT(lines(id), ElementsAre("early", "late"));
}

TEST_F(Console, ALineWithoutEndIsCutInsteadOfWaitedFor) {
  const std::string id = launch_one();
  runtime_.append_console(id, std::string(40'000, 'x'));
  ASSERT_TRUE(ec2_->follow_consoles_once());
  std::size_t length = 0;
  for (const auto& line : lines(id)) length += line.size();
  EXPECT_EQ(length, 2 * 16'384u);
}

TEST_F(Console, TheLastWordsOfATerminatedMachineAreKept) {
  const std::string id = launch_one();
  runtime_.append_console(id, "goodbye\nno newline at the end");
  ASSERT_TRUE(terminate(id));
  settle();
  EXPECT_THAT(lines(id), ElementsAre("goodbye", "no newline at the end"));
}

// --- metrics ---

TEST_F(Lifecycle, MetricsAreTheUseOfOnePeriod) {
  auto in = launch_input();
  auto& mapping = in.block_device_mappings.emplace().emplace_back();
  mapping.device_name = root_device;
  mapping.ebs.emplace().volume_size = 10;
  const std::string id = launch_one(in);
  const auto used = [](std::uint64_t factor) {
    return InstanceUsage{.cpu_nanoseconds = factor * 10'000'000'000,
                         .memory_bytes = std::uint64_t{256} << 20,
                         .memory_limit_bytes = std::uint64_t{1} << 30,
                         .network_in_bytes = factor * 1000,
                         .network_out_bytes = factor * 500,
                         .network_in_packets = factor * 10,
                         .network_out_packets = factor * 5,
                         .disk_read_bytes = factor * 4096,
                         .disk_write_bytes = factor * 8192,
                         .disk_read_count = factor,
                         .disk_write_count = factor * 2,
                         .root_used_bytes = std::uint64_t{5} << 30};
  };
  runtime_.set_usage(id, used(1));
  ASSERT_TRUE(ec2_->report_metrics_once());
  EXPECT_THAT(sinks_.metrics, Not(Contains(Key("AWS/EC2 CPUUtilization")))) << "a difference needs two looks";
  clock_.advance(seconds(10));
  runtime_.set_usage(id, used(2));
  ASSERT_TRUE(ec2_->report_metrics_once());
  EXPECT_THAT(sinks_.metrics["AWS/EC2 CPUUtilization"], ElementsAre(DoubleEq(50))) << "one of two processors";
  EXPECT_THAT(sinks_.metrics["AWS/EC2 NetworkIn"], ElementsAre(DoubleEq(1000)));
  EXPECT_THAT(sinks_.metrics["AWS/EC2 NetworkPacketsOut"], ElementsAre(DoubleEq(5)));
  EXPECT_THAT(sinks_.metrics["AWS/EC2 DiskWriteBytes"], ElementsAre(DoubleEq(8192)));
  EXPECT_THAT(sinks_.metrics["AWS/EC2 DiskReadOps"], ElementsAre(DoubleEq(1)));
  EXPECT_THAT(sinks_.metrics["CWAgent mem_used_percent"], ElementsAre(DoubleEq(25), DoubleEq(25)));
  EXPECT_THAT(sinks_.metrics["CWAgent disk_used_percent"], ElementsAre(DoubleEq(50), DoubleEq(50)));
  EXPECT_THAT(sinks_.metrics["AWS/EC2 StatusCheckFailed"], ElementsAre(DoubleEq(0), DoubleEq(0)));
  for (const auto& point : sinks_.points)
    EXPECT_EQ(point.dimensions, (std::vector<std::pair<std::string, std::string>>{{"InstanceId", id}}));
}

TEST_F(Lifecycle, GpusAreMeasuredUnderTheCloudWatchAgentsNames) {
  const std::string id = launch_one();
  InstanceUsage usage;
  usage.gpus = {{.name = "NVIDIA L4",
                 .utilization_percent = 80,
                 .memory_utilization_percent = 40,
                 .memory_used_bytes = std::uint64_t{1024} << 20,
                 .memory_total_bytes = std::uint64_t{23034} << 20,
                 .temperature_celsius = 61,
                 .power_watts = 70.5},
                {.name = "NVIDIA L4", .utilization_percent = 20}};
  runtime_.set_usage(id, usage);
  ASSERT_TRUE(ec2_->report_metrics_once());
  // Each once for the machine and once for the GPU.
  EXPECT_THAT(sinks_.metrics["CWAgent nvidia_smi_utilization_gpu"], ElementsAre(80, 80, 20, 20));
  EXPECT_THAT(sinks_.metrics["CWAgent nvidia_smi_utilization_memory"], ElementsAre(40, 40));
  EXPECT_THAT(sinks_.metrics["CWAgent nvidia_smi_memory_used"], ElementsAre(1024, 1024));
  EXPECT_THAT(sinks_.metrics["CWAgent nvidia_smi_memory_total"], ElementsAre(23034, 23034));
  EXPECT_THAT(sinks_.metrics["CWAgent nvidia_smi_temperature_gpu"], ElementsAre(61, 61));
  EXPECT_THAT(sinks_.metrics["CWAgent nvidia_smi_power_draw"], ElementsAre(70.5, 70.5))
      << "what one GPU does not tell is absent";
  using Dimensions = std::vector<std::pair<std::string, std::string>>;
  std::vector<Dimensions> seen;
  for (const auto& point : sinks_.points)
    if (point.name == "nvidia_smi_utilization_gpu") seen.push_back(point.dimensions);
  EXPECT_THAT(seen, ElementsAre(Dimensions{{"InstanceId", id}},
                                Dimensions{{"InstanceId", id}, {"index", "0"}, {"name", "NVIDIA L4"}},
                                Dimensions{{"InstanceId", id}},
                                Dimensions{{"InstanceId", id}, {"index", "1"}, {"name", "NVIDIA L4"}}));
}

// --- looking ---

TEST_F(Lifecycle, FiltersAreAlternativesWithinAndAllHoldTogether) {
  auto in = launch_input();
  in.tag_specifications = std::vector{tags_of("instance", {{"team", "llm-a"}})};
  const std::string micro = launch_one(in);
  in.instance_type = "t3.small";
  in.tag_specifications = std::vector{tags_of("instance", {{"team", "llm-b"}})};
  const std::string small = launch_one(in);
  ASSERT_TRUE(stop(small));
  settle();
  const auto found = [&](std::vector<types::Filter> filters) {
    types::DescribeInstancesRequest wanted;
    wanted.filters = std::move(filters);
    return described_ids(wanted);
  };
  EXPECT_THAT(found({filter("instance-state-name", {"running"})}), ElementsAre(micro));
  EXPECT_THAT(found({filter("instance-state-name", {"running", "stopped"})}), SizeIs(2));
  EXPECT_THAT(found({filter("tag:team", {"llm-?"})}), SizeIs(2));
  EXPECT_THAT(found({filter("tag:team", {"llm-*"}), filter("instance-type", {"*.small"})}), ElementsAre(small));
  EXPECT_THAT(found({filter("tag-key", {"owner"})}), IsEmpty());
  types::DescribeInstancesRequest wrong;
  wrong.filters = std::vector{filter("colour", {"red"})};
  EXPECT_AWS_ERROR(run(&Ec2Service::describe_instances, wrong), 400, "InvalidParameterValue");
}

TEST_F(Lifecycle, PagesCoverEverythingOnce) {
  runtime_.set_capacity({.vcpu_count = 8, .memory_bytes = std::uint64_t{32} << 30, .gpus = {}});
  ASSERT_TRUE(launch(launch_input(12)));
  types::DescribeInstancesRequest in;
  in.max_results = 5;
  std::set<std::string> seen;
  int page_count = 0;
  for (;;) {
    const auto page = run(&Ec2Service::describe_instances, in);
    ASSERT_TRUE(page) << page.error().message();
    ++page_count;
    for (const auto& reservation : *page->reservations)
      for (const auto& instance : *reservation.instances) EXPECT_TRUE(seen.insert(*instance.instance_id).second);
    if (!page->next_token) break;
    in.next_token = *page->next_token;
  }
  EXPECT_EQ(page_count, 3);
  EXPECT_THAT(seen, SizeIs(12));
  in.next_token = "???";
  EXPECT_AWS_ERROR(run(&Ec2Service::describe_instances, in), 400, "InvalidNextToken");
  in.next_token = {};
  in.max_results = 4;
  EXPECT_AWS_ERROR(run(&Ec2Service::describe_instances, in), 400, "InvalidParameterValue");
}

TEST_F(Lifecycle, AnotherAccountAndAnotherRegionSeeNothing) {
  const std::string id = launch_one();
  ctx_.region = "eu-west-1";
  EXPECT_THAT(described_ids(), IsEmpty());
  EXPECT_AWS_ERROR(terminate(id), 400, "InvalidInstanceID.NotFound");
  ctx_.region = "us-east-1";
  ctx_.account_id = "999999999999";
  EXPECT_THAT(described_ids(), IsEmpty());
  EXPECT_AWS_ERROR(terminate(id), 400, "InvalidInstanceID.NotFound");
}

TEST_F(Lifecycle, StatusShowsRunningInstancesUnlessAllAreWanted) {
  const std::string running = launch_one(), stopped = launch_one();
  ASSERT_TRUE(stop(stopped));
  settle();
  types::DescribeInstanceStatusRequest in;
  auto statuses = run(&Ec2Service::describe_instance_status, in);
  ASSERT_THAT(*statuses->instance_statuses, SizeIs(1));
  EXPECT_EQ(*statuses->instance_statuses->front().instance_id, running);
  EXPECT_EQ(*statuses->instance_statuses->front().instance_status->status, "ok");
  in.include_all_instances = true;
  EXPECT_THAT(*run(&Ec2Service::describe_instance_status, in)->instance_statuses, SizeIs(2));
}

}  // namespace
}  // namespace hearth::ec2
