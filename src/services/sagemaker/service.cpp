#include "services/sagemaker/service.h"

#include "base/log.h"
#include "services/sagemaker/access.h"

namespace hearth::sagemaker {
namespace {

// Calls of the API wake the reconciler; this is how soon it notices what machines do by themselves.
constexpr std::chrono::seconds reconcile_period{1};
constexpr std::chrono::seconds deliver_period{2};

}  // namespace

SageMakerService::SageMakerService(const SageMakerPorts& ports)
    : store_(ports.store),
      roles_(ports.roles),
      clock_(ports.clock),
      ids_(ports.ids),
      log_(ports.store, ports.objects, ports.logs, ports.metrics, ports.clock, ports.ids),
      forwarder_(ports.store, ports.http, log_, ports.clock, ports.ids),
      reconciler_(ports.store, ports.machines, ports.http, ports.clock),
      openai_door_(ports.store, forwarder_, ports.authorizer) {}

SageMakerService::~SageMakerService() {
  stop();
}

void SageMakerService::register_operations(OperationTable& control, OperationTable& runtime) {
  namespace op = api::sagemaker::op;
  control.serve<op::CreateModel>(*this, &SageMakerService::create_model);
  control.serve<op::DescribeModel>(*this, &SageMakerService::describe_model);
  control.serve<op::ListModels>(*this, &SageMakerService::list_models);
  control.serve<op::DeleteModel>(*this, &SageMakerService::delete_model);
  control.serve<op::CreateEndpointConfig>(*this, &SageMakerService::create_endpoint_config);
  control.serve<op::DescribeEndpointConfig>(*this, &SageMakerService::describe_endpoint_config);
  control.serve<op::ListEndpointConfigs>(*this, &SageMakerService::list_endpoint_configs);
  control.serve<op::DeleteEndpointConfig>(*this, &SageMakerService::delete_endpoint_config);
  control.serve<op::CreateEndpoint>(*this, &SageMakerService::create_endpoint);
  control.serve<op::DescribeEndpoint>(*this, &SageMakerService::describe_endpoint);
  control.serve<op::ListEndpoints>(*this, &SageMakerService::list_endpoints);
  control.serve<op::DeleteEndpoint>(*this, &SageMakerService::delete_endpoint);

  namespace runtime_op = api::sagemaker_runtime::op;
  runtime.serve<runtime_op::InvokeEndpoint>(*this, &SageMakerService::invoke_endpoint);
  runtime.serve<runtime_op::InvokeEndpointWithResponseStream>(*this,
                                                              &SageMakerService::invoke_endpoint_with_response_stream);
}

void SageMakerService::start() {
  reconciling_ = std::make_unique<BackgroundLoop>("endpoints", reconcile_period, [this] { reconciler_.reconcile(); });
  delivering_ = std::make_unique<BackgroundLoop>("model-calls", deliver_period, [this] {
    const auto delivered = sync_wait(log_.deliver());
    if (!delivered)
      log::warning("records of model calls wait",
                   {{"why", delivered.error().message()}, {"detail", delivered.error().detail()}});
  });
}

void SageMakerService::stop() {
  if (!delivering_) return;
  reconciling_->stop();
  delivering_->stop();
  // The last records, so that whoever stops us finds them.
  const auto delivered = sync_wait(log_.deliver());
  if (!delivered)
    log::warning("records of model calls wait for the next start", {{"why", delivered.error().message()}});
  delivering_.reset();
}

}  // namespace hearth::sagemaker
