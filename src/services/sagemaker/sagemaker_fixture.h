// SageMaker on memory engines, with machines, HTTP, S3, Logs and CloudWatch that tests can look into.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/executor.h"
#include "engines/memory/authorizer.h"
#include "engines/memory/metadata_store.h"
#include "services/sagemaker/service.h"

namespace hearth::sagemaker {

// Machines that come up when told to. The same token gives the same machine, and is refused with another script.
class FakeMachines final : public InstanceLauncher {
 public:
  std::map<std::string, LaunchedInstance> machines;  // by id
  std::map<std::string, std::string> ids_by_token, scripts_by_token;
  std::vector<LaunchRequest> launches;  // also repeated ones
  std::optional<Error> launch_failure;
  bool fails_after_launching = false;  // the answer is lost on its way
  std::string network = "10.0.0.";

  Async<LaunchedInstance> launch(LaunchRequest request) override {
    launches.push_back(request);
    if (launch_failure && !fails_after_launching) co_return *launch_failure;
    std::string& id = ids_by_token[request.client_token];
    if (id.empty()) {
      id = "i-" + std::to_string(machines.size() + 1);
      machines[id] = {id, "pending", network + std::to_string(machines.size() + 1), ""};
      scripts_by_token[request.client_token] = request.user_data;
    }
    if (scripts_by_token[request.client_token] != request.user_data)
      co_return Error::aws("IdempotentParameterMismatch", 400, "the token was used with other arguments");
    if (launch_failure) co_return *launch_failure;
    co_return machines[id];
  }
  Async<LaunchedInstance> describe(std::string_view, std::string_view instance_id) override {
    const auto found = machines.find(std::string(instance_id));
    if (found == machines.end()) co_return Error(ErrorKind::not_found, "no such instance");
    co_return found->second;
  }
  Async<void> terminate(std::string_view, std::string_view instance_id) override {
    machines.at(std::string(instance_id)).state = "shutting-down";
    co_return ok;
  }
  void all_become(const std::string& state) {
    for (auto& [id, machine] : machines)
      if (machine.state != "terminated") machine.state = state;
  }
  int count(const std::string& state) const {
    int count = 0;
    for (const auto& [id, machine] : machines) count += machine.state == state;
    return count;
  }
};

// A body that tells how it was used. Gives `pieces` one a read, then ends or fails.
struct PiecesLog {
  int read_count = 0;
  bool destroyed = false;
};
class PiecesSource final : public ByteSource {
 public:
  PiecesSource(std::vector<std::string> pieces, PiecesLog& log, bool fails = false)
      : pieces_(std::move(pieces)), log_(log), fails_(fails) {}
  ~PiecesSource() override { log_.destroyed = true; }
  Async<std::size_t> read(std::span<char> into) override {
    if (next_ == pieces_.size()) {
      if (fails_) co_return Error(ErrorKind::cancelled, "the connection broke");
      co_return std::size_t{0};
    }
    ++log_.read_count;
    const std::string& piece = pieces_[next_++];
    std::copy(piece.begin(), piece.end(), into.begin());
    co_return piece.size();
  }

 private:
  std::vector<std::string> pieces_;
  PiecesLog& log_;
  bool fails_;
  std::size_t next_ = 0;
};

// Model servers: /ping as told, everything else by `answer`.
class FakeModels final : public HttpCaller {
 public:
  std::set<std::string> silent_addresses;
  bool answers_ping = true;
  // Pings are answered when so many wait, or after a while: how many did wait together tells whether they may.
  std::size_t pings_wait_for = 0, pings_together_max = 0;
  std::vector<OutgoingRequest> calls;
  std::function<Result<IncomingResponse>(const OutgoingRequest&)> answer;

  Async<IncomingResponse> call(OutgoingRequest request) override {
    for (const std::string& address : silent_addresses)
      if (request.url.starts_with("http://" + address + ":")) co_return Error(ErrorKind::unavailable, "no answer");
    if (request.url.ends_with("/ping")) {
      if (pings_wait_for > 0) {
        const auto wait = [this](std::move_only_function<void()> resume) {
          threads_.post([this, resume = std::move(resume)]() mutable {
            meet();
            resume();
          });
        };
        co_await suspend(wait);
      }
      IncomingResponse pong;
      pong.status = answers_ping ? 200 : 503;
      co_return pong;
    }
    calls.push_back(std::move(request));
    if (!answer) co_return Error(ErrorKind::unavailable, "connection refused");
    co_return answer(calls.back());
  }
  void answers(int status, std::string content_type, std::string body) {
    answer = [=](const OutgoingRequest&) -> Result<IncomingResponse> {
      IncomingResponse response;
      response.status = status;
      response.headers = {{"content-type", content_type}};
      response.body = std::make_unique<StringSource>(body);
      return response;
    };
  }
  void streams(std::vector<std::string> pieces, PiecesLog& log, bool fails = false,
               std::string content_type = "text/event-stream") {
    answer = [=, &log](const OutgoingRequest&) -> Result<IncomingResponse> {
      IncomingResponse response;
      response.status = 200;
      response.headers = {{"Content-Type", content_type}};
      response.body = std::make_unique<PiecesSource>(pieces, log, fails);
      return response;
    };
  }

 private:
  void meet() {
    std::unique_lock lock(mutex_);
    pings_together_max = std::max(pings_together_max, ++together_);
    met_.notify_all();
    met_.wait_for(lock, std::chrono::seconds(2), [this] { return pings_together_max >= pings_wait_for; });
    --together_;
  }
  std::mutex mutex_;
  std::condition_variable met_;
  std::size_t together_ = 0;
  ThreadPool threads_{4};
};

class FakeRoles final : public RoleDirectory {
 public:
  std::set<std::string> untrusting;
  Async<InstanceProfile> find_instance_profile(std::string_view, std::string_view) override {
    co_return Error(ErrorKind::not_found, "none");
  }
  Async<Credentials> assume_role_for_service(std::string_view role_arn, std::string_view service_principal,
                                             std::string_view, std::chrono::seconds) override {
    EXPECT_EQ(service_principal, "sagemaker.amazonaws.com");
    if (untrusting.contains(std::string(role_arn))) co_return Error(ErrorKind::denied, "the role does not trust it");
    co_return Credentials{};
  }
};

// S3, Logs and CloudWatch, each of which can be down.
class FakeSinks final : public ObjectWriter, public LogSink, public MetricSink {
 public:
  std::map<std::string, std::string> objects;                 // "bucket/key" -> body
  std::map<std::string, std::vector<std::string>> log_lines;  // by group
  std::map<std::string, std::vector<double>> metrics;         // by name
  std::vector<MetricPoint> points;
  std::optional<Error> s3_failure, logs_failure;

  Async<void> put_object(std::string_view, std::string_view bucket, std::string_view key, std::string body,
                         std::string_view) override {
    if (s3_failure) co_return *s3_failure;
    objects[std::string(bucket) + "/" + std::string(key)] = std::move(body);
    co_return ok;
  }
  Async<void> put_log_lines(std::string_view, std::string_view, std::string_view group, std::string_view,
                            std::vector<std::pair<std::int64_t, std::string>> lines) override {
    if (logs_failure) co_return *logs_failure;
    for (auto& [time, line] : lines) log_lines[std::string(group)].push_back(std::move(line));
    co_return ok;
  }
  Async<void> put_metrics(std::string_view, std::string_view, std::vector<MetricPoint> added) override {
    for (MetricPoint& point : added) {
      metrics[point.name].push_back(point.value);
      points.push_back(std::move(point));
    }
    co_return ok;
  }
};

class SageMakerFixture : public testing::Test {
 protected:
  SageMakerFixture() {
    ctx_.account_id = "111122223333";
    ctx_.region = "us-east-1";
    ctx_.caller.kind = PrincipalKind::user;
    ctx_.caller.arn = "arn:aws:iam::111122223333:user/ana";
    restart();
  }
  // A new process on the same rows.
  void restart() {
    const SageMakerPorts ports{store_, machines_, roles_, authorizer_, *http_, sinks_, sinks_, sinks_, clock_, ids_};
    sagemaker_.reset();
    sagemaker_ = std::make_unique<SageMakerService>(ports);
  }

  template <class Out, class In>
  Result<Out> run(Async<Out> (SageMakerService::*operation)(const RequestContext&, const In&), const In& in) {
    return sync_wait((sagemaker_.get()->*operation)(ctx_, in));
  }
  types::CreateModelInput model_input(std::string name = "tiny") {
    types::CreateModelInput in;
    in.model_name = std::move(name);
    in.execution_role_arn = "arn:aws:iam::111122223333:role/Serve";
    in.primary_container.emplace().model_data_url = "s3://models/tiny/";
    return in;
  }
  types::CreateEndpointConfigInput config_input(std::string name = "tiny-config", std::string model = "tiny",
                                                int machine_count = 1) {
    types::CreateEndpointConfigInput in;
    in.endpoint_config_name = std::move(name);
    types::ProductionVariant& variant = in.production_variants.emplace_back();
    variant.variant_name = "AllTraffic";
    variant.model_name = std::move(model);
    variant.instance_type = "ml.c5.large";
    variant.initial_instance_count = machine_count;
    return in;
  }
  Result<types::CreateEndpointOutput> create_endpoint(std::string name = "chat", std::string config = "tiny-config") {
    types::CreateEndpointInput in;
    in.endpoint_name = std::move(name);
    in.endpoint_config_name = std::move(config);
    return run(&SageMakerService::create_endpoint, in);
  }
  void create_all(int machine_count = 1, const std::function<void(types::CreateEndpointConfigInput&)>& with = {}) {
    ASSERT_TRUE(run(&SageMakerService::create_model, model_input()));
    types::CreateEndpointConfigInput config = config_input("tiny-config", "tiny", machine_count);
    if (with) with(config);
    ASSERT_TRUE(run(&SageMakerService::create_endpoint_config, config));
    ASSERT_TRUE(create_endpoint());
  }
  // An endpoint "chat" that serves.
  void bring_up(int machine_count = 1, const std::function<void(types::CreateEndpointConfigInput&)>& with = {}) {
    create_all(machine_count, with);
    reconcile();
    machines_.all_become("running");
    reconcile();
    ASSERT_EQ(status(), "InService");
  }
  void reconcile() { sagemaker_->reconciler().reconcile(); }
  void deliver() { ASSERT_TRUE(sync_wait(sagemaker_->invocation_log().deliver())); }
  Result<types::DescribeEndpointOutput> describe(std::string name = "chat") {
    types::DescribeEndpointInput in;
    in.endpoint_name = std::move(name);
    return run(&SageMakerService::describe_endpoint, in);
  }
  std::string status(std::string name = "chat") {
    const auto described = describe(std::move(name));
    return described ? described->endpoint_status : described.error().message();
  }
  Result<wire::Unit> delete_endpoint(std::string name = "chat") {
    types::DeleteEndpointInput in;
    in.endpoint_name = std::move(name);
    return run(&SageMakerService::delete_endpoint, in);
  }
  Result<runtime_types::InvokeEndpointOutput> invoke(std::string body, std::string endpoint = "chat") {
    runtime_types::InvokeEndpointInput in;
    in.endpoint_name = std::move(endpoint);
    in.content_type = "application/json";
    in.body.data = std::move(body);
    return sync_wait(sagemaker_->invoke_endpoint(ctx_, in));
  }
  Result<runtime_types::InvokeEndpointWithResponseStreamOutput> invoke_stream(std::string body) {
    runtime_types::InvokeEndpointWithResponseStreamInput in;
    in.endpoint_name = "chat";
    in.content_type = "application/json";
    in.body.data = std::move(body);
    return sync_wait(sagemaker_->invoke_endpoint_with_response_stream(ctx_, in));
  }

  MemoryMetadataStore store_;
  FakeClock clock_;
  SequenceIds ids_;
  FakeMachines machines_;
  FakeRoles roles_;
  MemoryAuthorizer authorizer_;
  FakeModels models_;
  HttpCaller* http_ = &models_;
  FakeSinks sinks_;
  RequestContext ctx_;
  std::unique_ptr<SageMakerService> sagemaker_;
};

template <class T>
std::string message_of(const Result<T>& result) {
  return result ? "" : result.error().code() + ": " + result.error().message();
}

}  // namespace hearth::sagemaker
