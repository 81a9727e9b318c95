// SageMaker's endpoints: models, endpoint configurations and endpoints as rows; a reconciler that keeps their machines
// running; model calls that are forwarded to them and recorded. Safe from any thread.
// https://docs.aws.amazon.com/sagemaker/latest/APIReference/
#pragma once

#include <memory>
#include <string>

#include "api/sagemaker/types.h"
#include "api/sagemaker_runtime/types.h"
#include "base/background.h"
#include "base/ids.h"
#include "base/time.h"
#include "ports/http_caller.h"
#include "ports/identity.h"
#include "ports/instance_launcher.h"
#include "ports/metadata_store.h"
#include "ports/object_writer.h"
#include "ports/observability.h"
#include "ports/service.h"
#include "services/sagemaker/endpoint_reconciler.h"
#include "services/sagemaker/forwarding.h"
#include "services/sagemaker/invocation_log.h"
#include "services/sagemaker/openai_door.h"
#include "services/sagemaker/rows.h"

namespace hearth::sagemaker {

namespace types = api::sagemaker;
namespace runtime_types = api::sagemaker_runtime;

// What SageMaker stands on.
struct SageMakerPorts {
  MetadataStore& store;
  InstanceLauncher& machines;
  RoleDirectory& roles;
  Authorizer& authorizer;
  HttpCaller& http;
  ObjectWriter& objects;
  LogSink& logs;
  MetricSink& metrics;
  const Clock& clock;
  IdSource& ids;
};

class SageMakerService {
 public:
  explicit SageMakerService(const SageMakerPorts& ports);
  ~SageMakerService();

  // `control` answers "sagemaker", `runtime` "sagemaker-runtime".
  void register_operations(OperationTable& control, OperationTable& runtime);

  // For Authorizer::add_resource_tags("arn:aws:sagemaker:", …).
  ResourceTagSource resource_tags();

  // Machines are looked after and records delivered in the background, also what an earlier process left. stop()
  // delivers what is recorded; machines go on running. Idempotent.
  void start();
  void stop();

  // The OpenAI-compatible paths to the same endpoints.
  OpenAiDoor& openai_door() { return openai_door_; }
  // What the background does, for tests: one round of it.
  EndpointReconciler& reconciler() { return reconciler_; }
  InvocationLog& invocation_log() { return log_; }

  // models.cpp
  Async<types::CreateModelOutput> create_model(const RequestContext& ctx, const types::CreateModelInput& in);
  Async<types::DescribeModelOutput> describe_model(const RequestContext& ctx, const types::DescribeModelInput& in);
  Async<types::ListModelsOutput> list_models(const RequestContext& ctx, const types::ListModelsInput& in);
  Async<wire::Unit> delete_model(const RequestContext& ctx, const types::DeleteModelInput& in);

  // endpoint_configs.cpp
  Async<types::CreateEndpointConfigOutput> create_endpoint_config(const RequestContext& ctx,
                                                                  const types::CreateEndpointConfigInput& in);
  Async<types::DescribeEndpointConfigOutput> describe_endpoint_config(const RequestContext& ctx,
                                                                      const types::DescribeEndpointConfigInput& in);
  Async<types::ListEndpointConfigsOutput> list_endpoint_configs(const RequestContext& ctx,
                                                                const types::ListEndpointConfigsInput& in);
  Async<wire::Unit> delete_endpoint_config(const RequestContext& ctx, const types::DeleteEndpointConfigInput& in);

  // endpoints.cpp
  Async<types::CreateEndpointOutput> create_endpoint(const RequestContext& ctx, const types::CreateEndpointInput& in);
  Async<types::DescribeEndpointOutput> describe_endpoint(const RequestContext& ctx,
                                                         const types::DescribeEndpointInput& in);
  Async<types::ListEndpointsOutput> list_endpoints(const RequestContext& ctx, const types::ListEndpointsInput& in);
  Async<wire::Unit> delete_endpoint(const RequestContext& ctx, const types::DeleteEndpointInput& in);

  // invoke_endpoint.cpp
  Async<runtime_types::InvokeEndpointOutput> invoke_endpoint(const RequestContext& ctx,
                                                             runtime_types::InvokeEndpointInput& in);
  Async<runtime_types::InvokeEndpointWithResponseStreamOutput> invoke_endpoint_with_response_stream(
      const RequestContext& ctx, runtime_types::InvokeEndpointWithResponseStreamInput& in);

 private:
  // The model's answer, or AWS's error for why there is none.
  Async<ModelAnswer> invoke(const RequestContext& ctx, ModelCall call);

  // resource_tags.cpp
  Async<ConditionContext> tag_conditions(std::string resource_arn);

  MetadataStore& store_;
  RoleDirectory& roles_;
  const Clock& clock_;
  IdSource& ids_;
  InvocationLog log_;
  Forwarder forwarder_;
  EndpointReconciler reconciler_;
  OpenAiDoor openai_door_;
  std::unique_ptr<BackgroundLoop> reconciling_, delivering_;
};

}  // namespace hearth::sagemaker
