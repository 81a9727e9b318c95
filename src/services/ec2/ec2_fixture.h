// EC2 on memory engines, with a runtime, roles, Logs and CloudWatch that tests can look into.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "engines/memory/authorizer.h"
#include "engines/memory/image_store.h"
#include "engines/memory/instance_runtime.h"
#include "engines/memory/metadata_store.h"
#include "ports/expect_aws_error.h"
#include "services/ec2/instances.h"
#include "services/ec2/service.h"

namespace hearth::ec2 {

namespace types = api::ec2;

class FakeDoors final : public InstanceFrontDoor {
 public:
  std::set<std::string> open_ids;
  std::map<std::string, int> hop_limits;
  std::function<void()> before_next_open;
  Async<void> open(const std::string& instance_id, int metadata_hop_limit) override {
    if (const auto happens = std::exchange(before_next_open, nullptr)) happens();
    std::lock_guard lock(mutex_);
    open_ids.insert(instance_id);
    hop_limits[instance_id] = metadata_hop_limit;
    co_return ok;
  }
  void close(const std::string& instance_id) override {
    std::lock_guard lock(mutex_);
    open_ids.erase(instance_id);
  }

 private:
  std::mutex mutex_;
};

// The profiles "trainer" (with a role) and "empty" (without one).
class FakeRoles final : public RoleDirectory {
 public:
  explicit FakeRoles(const Clock& clock) : clock_(clock) {}
  int assumed_count = 0;
  std::string last_service, last_session;
  bool trusts_ec2 = true;

  Async<InstanceProfile> find_instance_profile(std::string_view account_id, std::string_view name_or_arn) override {
    const std::string profiles = "arn:aws:iam::" + std::string(account_id) + ":instance-profile/";
    const std::string name(name_or_arn.starts_with(profiles) ? name_or_arn.substr(profiles.size()) : name_or_arn);
    if (name != "trainer" && name != "empty") co_return Error(ErrorKind::not_found, "no such profile");
    InstanceProfile profile{.arn = profiles + name, .id = "AIPA" + name, .name = name, .role_arn = {}, .role_name = {}};
    if (name == "trainer") {
      profile.role_arn = "arn:aws:iam::" + std::string(account_id) + ":role/Trainer";
      profile.role_name = "Trainer";
    }
    co_return profile;
  }
  Async<Credentials> assume_role_for_service(std::string_view, std::string_view service_principal,
                                             std::string_view session_name, std::chrono::seconds duration) override {
    if (!trusts_ec2) co_return Error(ErrorKind::denied, "the role does not trust it");
    last_service = service_principal;
    last_session = session_name;
    ++assumed_count;
    co_return Credentials{.access_key_id = "ASIA" + std::to_string(assumed_count),
                          .secret_access_key = "secret",
                          .session_token = "token",
                          .expires_at = clock_.now() + duration};
  }

 private:
  const Clock& clock_;
};

class FakeSinks final : public LogSink, public MetricSink {
 public:
  std::map<std::string, std::vector<std::string>> log_lines;  // by "group stream"
  std::map<std::string, std::vector<double>> metrics;         // by "namespace name"
  std::vector<MetricPoint> points;
  std::optional<Error> logs_failure;

  Async<void> put_log_lines(std::string_view, std::string_view, std::string_view group, std::string_view stream,
                            std::vector<std::pair<std::int64_t, std::string>> lines) override {
    if (logs_failure) co_return *logs_failure;
    auto& into = log_lines[std::string(group) + " " + std::string(stream)];
    for (auto& [time, line] : lines) into.push_back(std::move(line));
    co_return ok;
  }
  Async<void> put_metrics(std::string_view, std::string_view, std::vector<MetricPoint> added) override {
    for (MetricPoint& point : added) {
      metrics[point.metric_namespace + " " + point.name].push_back(point.value);
      points.push_back(std::move(point));
    }
    co_return ok;
  }
};

class FakeOutbox final : public Outbox {
 public:
  std::vector<std::string> payloads;
  void emit(Transaction&, DomainEvent event) override {
    std::lock_guard lock(mutex_);
    payloads.push_back(std::move(event.payload));
  }
  void subscribe(std::string, std::function<Async<void>(const DomainEvent&)>) override {}
  void wake() override {}

 private:
  std::mutex mutex_;
};

// What is in S3, by "bucket/key".
class FakeObjects final : public ObjectReader {
 public:
  std::map<std::string, std::string> bodies;

  Async<ReadableObject> open_object(std::string_view bucket, std::string_view key) override {
    const auto found = bodies.find(std::string(bucket) + "/" + std::string(key));
    if (found == bodies.end()) co_return Error(ErrorKind::not_found, "The specified key does not exist.");
    ReadableObject object;
    object.size_bytes = found->second.size();
    object.etag = to_hex(md5(found->second));
    object.body = std::make_shared<StringSource>(found->second);
    co_return object;
  }
};

class Ec2Fixture : public testing::Test {
 protected:
  Ec2Fixture() {
    ctx_.account_id = "111122223333";
    ctx_.region = "us-east-1";
    ctx_.caller.kind = PrincipalKind::user;
    ctx_.caller.arn = "arn:aws:iam::111122223333:user/ana";
    restart();
  }
  // A new process on the same rows and machines.
  void restart() {
    doors_.open_ids.clear();
    ec2_.reset();
    const Ec2Ports ports{store_, runtime_, doors_, roles_, authorizer_, sinks_,
                         sinks_, outbox_,  clock_, ids_,   images_,     objects_};
    ec2_ = std::make_unique<Ec2Service>(ports, Ec2Options{});
  }
  void reconcile() {
    const auto done = ec2_->reconcile_once();
    ASSERT_TRUE(done) << done.error().message();
  }
  // Until nothing is left to do: the steps of one change need more than one look.
  void settle() {
    for (int look = 0; look < 4; ++look) reconcile();
  }

  template <class Out, class In>
  Result<Out> run(Async<Out> (Ec2Service::*operation)(const RequestContext&, const In&), const In& in) {
    return sync_wait((ec2_.get()->*operation)(ctx_, in));
  }
  static types::RunInstancesRequest launch_input(int count_min = 1, int count_max = 0) {
    types::RunInstancesRequest in;
    in.image_id = host_image_id();
    in.instance_type = "t3.micro";
    in.min_count = count_min;
    in.max_count = std::max(count_min, count_max);
    return in;
  }
  Result<types::Reservation> launch(const types::RunInstancesRequest& in) {
    return run(&Ec2Service::run_instances, in);
  }
  // The id of an instance that runs.
  std::string launch_one(types::RunInstancesRequest in = launch_input()) {
    const auto launched = launch(in);
    EXPECT_TRUE(launched) << launched.error().message();
    if (!launched) return {};
    settle();
    return *launched->instances->front().instance_id;
  }
  types::Instance describe(const std::string& id) {
    types::DescribeInstancesRequest in;
    in.instance_ids = std::vector{id};
    const auto described = run(&Ec2Service::describe_instances, in);
    EXPECT_TRUE(described) << described.error().message();
    return described ? described->reservations->front().instances->front() : types::Instance{};
  }
  std::string state(const std::string& id) { return *describe(id).state->name; }
  std::vector<std::string> described_ids(const types::DescribeInstancesRequest& in = {}) {
    std::vector<std::string> ids;
    const auto described = run(&Ec2Service::describe_instances, in);
    EXPECT_TRUE(described) << described.error().message();
    if (described)
      for (const auto& reservation : *described->reservations)
        for (const auto& instance : *reservation.instances) ids.push_back(*instance.instance_id);
    return ids;
  }
  Result<types::StopInstancesResult> stop(const std::string& id) {
    types::StopInstancesRequest in;
    in.instance_ids = {id};
    return run(&Ec2Service::stop_instances, in);
  }
  Result<types::StartInstancesResult> start(const std::string& id) {
    types::StartInstancesRequest in;
    in.instance_ids = {id};
    return run(&Ec2Service::start_instances, in);
  }
  Result<wire::Unit> reboot(const std::string& id) {
    types::RebootInstancesRequest in;
    in.instance_ids = {id};
    return run(&Ec2Service::reboot_instances, in);
  }
  Result<types::TerminateInstancesResult> terminate(const std::string& id) {
    types::TerminateInstancesRequest in;
    in.instance_ids = {id};
    return run(&Ec2Service::terminate_instances, in);
  }

  MemoryMetadataStore store_;
  FakeClock clock_;
  SequenceIds ids_;
  MemoryInstanceRuntime runtime_{clock_};
  FakeDoors doors_;
  FakeRoles roles_{clock_};
  MemoryAuthorizer authorizer_;
  FakeSinks sinks_;
  FakeOutbox outbox_;
  MemoryImageStore images_;
  FakeObjects objects_;
  RequestContext ctx_;
  std::unique_ptr<Ec2Service> ec2_;
};

inline types::Filter filter(std::string name, std::vector<std::string> values) {
  types::Filter made;
  made.name = std::move(name);
  made.values = std::move(values);
  return made;
}

inline types::TagSpecification tags_of(std::string resource_type, const Tags& tags) {
  types::TagSpecification specification;
  specification.resource_type = std::move(resource_type);
  specification.tags.emplace();
  for (const auto& [key, value] : tags) {
    auto& tag = specification.tags->emplace_back();
    tag.key = key;
    tag.value = value;
  }
  return specification;
}

}  // namespace hearth::ec2
