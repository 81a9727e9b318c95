// Endpoints: CreateEndpoint, DescribeEndpoint, ListEndpoints, DeleteEndpoint. They write what should be; the reconciler
// makes it so.
#include "api/sagemaker/errors.h"
#include "services/sagemaker/listing.h"
#include "services/sagemaker/service.h"

namespace hearth::sagemaker {
namespace errors = api::sagemaker::errors;
namespace {

Error no_such_endpoint(const std::string& arn) {
  return errors::validation_exception("Could not find endpoint \"" + arn + "\".");
}

// The machines a new endpoint wants.
std::vector<EndpointInstance> wanted_machines(const std::vector<VariantRow>& variants) {
  std::vector<EndpointInstance> machines;
  for (const VariantRow& variant : variants)
    for (int index = 0; index < variant.initial_instance_count; ++index) {
      EndpointInstance& machine = machines.emplace_back();
      machine.variant_name = variant.variant_name;
      machine.index = index;
    }
  return machines;
}

}  // namespace

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
Async<types::CreateEndpointOutput> SageMakerService::create_endpoint(const RequestContext& ctx,
                                                                     const types::CreateEndpointInput& in) {
  EndpointRow endpoint;
  endpoint.account_id = ctx.account_id;
  endpoint.region = ctx.region;
  endpoint.name = in.endpoint_name;
  endpoint.arn = endpoint_arn(ctx.region, ctx.account_id, in.endpoint_name);
  endpoint.config_name = in.endpoint_config_name;
  endpoint.status = types::EndpointStatus::Creating;
  endpoint.unique_id = ids_.uuid();
  endpoint.created_ms = endpoint.modified_ms = to_ms(clock_.now());
  if (in.tags)
    for (const types::Tag& tag : *in.tags) endpoint.tags[tag.key] = tag.value;

  const std::string key = endpoint_key(ctx.account_id, ctx.region, in.endpoint_name);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (stored)
      co_return errors::validation_exception("Cannot create already existing endpoint \"" + endpoint.arn + "\".");
    CO_TRY(const auto stored_config, co_await tx.get(config_key(ctx.account_id, ctx.region, in.endpoint_config_name)));
    if (!stored_config)
      co_return errors::validation_exception("Could not find endpoint configuration \"" +
                                             config_arn(ctx.region, ctx.account_id, in.endpoint_config_name) + "\".");
    CO_TRY(const EndpointConfigRow config, row::decode<EndpointConfigRow>(*stored_config));
    endpoint.models.clear();
    for (const VariantRow& variant : config.variants) {
      CO_TRY(const auto stored_model, co_await tx.get(model_key(ctx.account_id, ctx.region, variant.model_name)));
      if (!stored_model)
        co_return errors::validation_exception("Could not find model \"" +
                                               model_arn(ctx.region, ctx.account_id, variant.model_name) + "\".");
      CO_TRY(ModelRow model, row::decode<ModelRow>(*stored_model));
      endpoint.models.push_back(std::move(model));
    }
    endpoint.variants = config.variants;
    endpoint.capture = config.capture;
    endpoint.instances = wanted_machines(config.variants);
    tx.put(key, row::encode(endpoint));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  if (reconciling_) reconciling_->wake();
  co_return types::CreateEndpointOutput{endpoint.arn};
}

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
Async<types::DescribeEndpointOutput> SageMakerService::describe_endpoint(const RequestContext& ctx,
                                                                         const types::DescribeEndpointInput& in) {
  CO_TRY(const auto stored, co_await store_.get(endpoint_key(ctx.account_id, ctx.region, in.endpoint_name)));
  if (!stored) co_return no_such_endpoint(endpoint_arn(ctx.region, ctx.account_id, in.endpoint_name));
  CO_TRY(const EndpointRow endpoint, row::decode<EndpointRow>(*stored));

  types::DescribeEndpointOutput out;
  out.endpoint_name = endpoint.name;
  out.endpoint_arn = endpoint.arn;
  out.endpoint_config_name = endpoint.config_name;
  out.endpoint_status = endpoint.status;
  out.creation_time = wire::Timestamp(endpoint.created_ms);
  out.last_modified_time = wire::Timestamp(endpoint.modified_ms);
  if (!endpoint.failure_reason.empty()) out.failure_reason = endpoint.failure_reason;
  if (!endpoint.capture.destination_uri.empty()) {
    types::DataCaptureConfigSummary& capture = out.data_capture_config.emplace();
    capture.enable_capture = endpoint.capture.enabled;
    capture.capture_status = endpoint.capture.enabled ? types::CaptureStatus::Started : types::CaptureStatus::Stopped;
    capture.current_sampling_percentage = endpoint.capture.sampling_percentage;
    capture.destination_s3_uri = endpoint.capture.destination_uri;
  }
  // AWS: nothing is known of the variants of an endpoint that never came up.
  if (endpoint.status == types::EndpointStatus::Failed) co_return out;
  auto& variants = out.production_variants.emplace();
  for (const VariantRow& row : endpoint.variants) {
    types::ProductionVariantSummary& variant = variants.emplace_back();
    variant.variant_name = row.variant_name;
    variant.current_weight = variant.desired_weight = static_cast<float>(row.weight);
    variant.desired_instance_count = row.initial_instance_count;
    variant.current_instance_count =
        static_cast<std::int32_t>(std::ranges::count_if(endpoint.instances, [&](const EndpointInstance& machine) {
          return machine.healthy && machine.variant_name == row.variant_name;
        }));
  }
  co_return out;
}

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListEndpoints.html
Async<types::ListEndpointsOutput> SageMakerService::list_endpoints(const RequestContext& ctx,
                                                                   const types::ListEndpointsInput& in) {
  const std::string prefix = make_key("sagemaker", "endpoint", ctx.account_id, ctx.region);
  CO_TRY(auto endpoints, co_await read_rows<EndpointRow>(store_, prefix));
  const std::string sort_by = in.sort_by.value_or("");
  std::vector<Listed<EndpointRow>> listed;
  for (EndpointRow& endpoint : endpoints) {
    if (!passes_common_filters(in, endpoint.name, endpoint.created_ms)) continue;
    if (in.last_modified_time_before && endpoint.modified_ms >= in.last_modified_time_before->ms) continue;
    if (in.last_modified_time_after && endpoint.modified_ms <= in.last_modified_time_after->ms) continue;
    if (in.status_equals && endpoint.status != *in.status_equals) continue;
    std::string sort_key = sortable(endpoint.created_ms);
    if (sort_by == types::EndpointSortKey::Name) sort_key = endpoint.name;
    if (sort_by == types::EndpointSortKey::Status) sort_key = endpoint.status;
    listed.push_back({std::move(endpoint), std::move(sort_key)});
  }
  types::ListEndpointsOutput out;
  CO_TRY(const auto page, take_page(std::move(listed), page_request(in), out.next_token));
  for (const EndpointRow& endpoint : page)
    out.endpoints.push_back({endpoint.name, endpoint.arn, wire::Timestamp(endpoint.created_ms),
                             wire::Timestamp(endpoint.modified_ms), endpoint.status});
  co_return out;
}

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html
// AWS refuses while an endpoint is being created. Here that is allowed, so that whoever gives up leaves no machine.
Async<wire::Unit> SageMakerService::delete_endpoint(const RequestContext& ctx, const types::DeleteEndpointInput& in) {
  const std::string key = endpoint_key(ctx.account_id, ctx.region, in.endpoint_name);
  const std::string arn = endpoint_arn(ctx.region, ctx.account_id, in.endpoint_name);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (!stored) co_return no_such_endpoint(arn);
    CO_TRY(EndpointRow endpoint, row::decode<EndpointRow>(*stored));
    if (endpoint.status == types::EndpointStatus::Deleting)
      co_return errors::validation_exception("Cannot update in-progress endpoint \"" + arn + "\".");
    endpoint.status = types::EndpointStatus::Deleting;
    endpoint.modified_ms = to_ms(clock_.now());
    tx.put(key, row::encode(endpoint));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  if (reconciling_) reconciling_->wake();
  co_return wire::Unit{};
}

}  // namespace hearth::sagemaker
