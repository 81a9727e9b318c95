// InvokeEndpoint and InvokeEndpointWithResponseStream.
#include <fmt/format.h>

#include "api/sagemaker_runtime/errors.h"
#include "services/sagemaker/service.h"

namespace hearth::sagemaker {
namespace errors = api::sagemaker_runtime::errors;
namespace {

constexpr std::size_t answer_bytes_max = 25 << 20;  // AWS
constexpr std::size_t model_error_bytes_max = 1 << 20;

Error not_served(std::string_view what) {
  return errors::validation_error(fmt::format("{} is not served.", what));
}

// What both operations have in common.
template <class Input>
Result<ModelCall> call_of(Input& in, std::string operation) {
  if (in.target_container_hostname) return not_served("TargetContainerHostname");
  if (in.inference_component_name) return not_served("InferenceComponentName");
  if (in.session_id) return not_served("SessionId");
  ModelCall call;
  call.endpoint_name = in.endpoint_name;
  call.target_variant = in.target_variant.value_or("");
  call.operation = std::move(operation);
  call.path = "/invocations";
  call.content_type = in.content_type.value_or("");
  call.accept = in.accept.value_or("");
  call.custom_attributes = in.custom_attributes.value_or("");
  call.inference_id = in.inference_id.value_or("");
  call.body = std::move(in.body.data);
  return call;
}

// What the model server said instead of an answer, in AWS's words.
Async<Error> model_error(const RequestContext& ctx, const std::string& endpoint_name, ModelAnswer& answer) {
  const auto body = co_await read_all(*answer.body, model_error_bytes_max);
  const std::string said = body.value_or("(no message)");
  const std::string group = endpoint_log_group(endpoint_name);
  co_return errors::model_error(
      fmt::format("Received {} error ({}) from primary with message \"{}\". See the log group "
                  "{} in account {} for more information.",
                  answer.status < 500 ? "client" : "server", answer.status, said, group, ctx.account_id))
      .with_field("OriginalStatusCode", std::to_string(answer.status))
      .with_field("OriginalMessage", said)
      .with_field("LogStreamArn", fmt::format("arn:aws:logs:{}:{}:log-group:{}", ctx.region, ctx.account_id, group));
}

}  // namespace

Async<ModelAnswer> SageMakerService::invoke(const RequestContext& ctx, ModelCall call) {
  const std::string endpoint_name = call.endpoint_name;
  auto answer = co_await forwarder_.forward(ctx, std::move(call));
  if (!answer) {
    switch (answer.error().kind()) {
      case ErrorKind::not_found:
      case ErrorKind::invalid:
        co_return errors::validation_error(answer.error().message());
      case ErrorKind::unavailable:
        co_return errors::service_unavailable(answer.error().message());
      default:
        co_return std::move(answer).error();
    }
  }
  if (answer->status >= 200 && answer->status < 300) co_return std::move(*answer);
  CO_TRY(Error error, co_await model_error(ctx, endpoint_name, *answer));
  co_return error;
}

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
// AWS: the answer is whole and bounded; InvokeEndpointWithResponseStream is for the others.
Async<runtime_types::InvokeEndpointOutput> SageMakerService::invoke_endpoint(const RequestContext& ctx,
                                                                             runtime_types::InvokeEndpointInput& in) {
  if (in.target_model) co_return not_served("TargetModel");
  if (in.enable_explanations) co_return not_served("EnableExplanations");
  CO_TRY(ModelCall call, call_of(in, "InvokeEndpoint"));
  CO_TRY(ModelAnswer answer, co_await invoke(ctx, std::move(call)));

  runtime_types::InvokeEndpointOutput out;
  auto body = co_await read_all(*answer.body, answer_bytes_max);
  if (!body) {
    const bool is_too_large = body.error().kind() == ErrorKind::invalid;
    co_return errors::model_error(is_too_large ? "The model's answer is larger than 25 MiB; stream it instead."
                                               : body.error().message())
        .with_field("OriginalStatusCode", std::to_string(answer.status));
  }
  out.body.data = std::move(*body);
  if (!answer.content_type.empty()) out.content_type = answer.content_type;
  if (!answer.custom_attributes.empty()) out.custom_attributes = answer.custom_attributes;
  out.invoked_production_variant = answer.variant_name;
  co_return out;
}

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html
Async<runtime_types::InvokeEndpointWithResponseStreamOutput> SageMakerService::invoke_endpoint_with_response_stream(
    const RequestContext& ctx, runtime_types::InvokeEndpointWithResponseStreamInput& in) {
  CO_TRY(ModelCall call, call_of(in, "InvokeEndpointWithResponseStream"));
  CO_TRY(ModelAnswer answer, co_await invoke(ctx, std::move(call)));

  runtime_types::InvokeEndpointWithResponseStreamOutput out;
  out.body = std::move(answer.body);
  if (!answer.content_type.empty()) out.content_type = answer.content_type;
  if (!answer.custom_attributes.empty()) out.custom_attributes = answer.custom_attributes;
  out.invoked_production_variant = answer.variant_name;
  co_return out;
}

}  // namespace hearth::sagemaker
