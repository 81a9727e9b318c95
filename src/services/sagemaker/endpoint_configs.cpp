// Endpoint configurations: CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs, DeleteEndpointConfig.
#include <set>

#include "api/sagemaker/errors.h"
#include "services/sagemaker/listing.h"
#include "services/sagemaker/service.h"

namespace hearth::sagemaker {
namespace errors = api::sagemaker::errors;
namespace {

constexpr std::int64_t instance_count_max = 100;  // of all variants together: each is a row that is rewritten and read

Error no_such_config(const std::string& arn) {
  return errors::validation_exception("Could not find endpoint configuration \"" + arn + "\".");
}

Result<void> check_served(const types::CreateEndpointConfigInput& in) {
  const auto not_served = [](const std::string& what) {
    return errors::validation_exception(what + " is not served.");
  };
  if (in.async_inference_config) return not_served("AsyncInferenceConfig");
  if (in.explainer_config) return not_served("ExplainerConfig");
  if (in.shadow_production_variants && !in.shadow_production_variants->empty())
    return not_served("ShadowProductionVariants");
  if (in.vpc_config) return not_served("VpcConfig");
  if (in.kms_key_id) return not_served("KmsKeyId");
  if (in.enable_network_isolation && *in.enable_network_isolation) return not_served("EnableNetworkIsolation");
  for (const types::ProductionVariant& variant : in.production_variants) {
    if (variant.serverless_config) return not_served("ServerlessConfig");
    if (variant.instance_pools && !variant.instance_pools->empty()) return not_served("InstancePools");
    if (variant.managed_instance_scaling) return not_served("ManagedInstanceScaling");
    if (variant.accelerator_type) return not_served("AcceleratorType");
    if (variant.core_dump_config) return not_served("CoreDumpConfig");
    if (variant.capacity_reservation_config) return not_served("CapacityReservationConfig");
    if (!variant.model_name)
      return errors::validation_exception("Inference components are not served: each variant needs a ModelName.");
    if (!variant.instance_type || !variant.initial_instance_count)
      return errors::validation_exception("InstanceType and InitialInstanceCount are required for variant " +
                                          variant.variant_name + ".");
  }
  return ok;
}

Result<CaptureRow> capture_of(const types::DataCaptureConfig& in) {
  CaptureRow capture;
  if (in.kms_key_id) return errors::validation_exception("Data capture with a KMS key is not served.");
  if (!in.destination_s3_uri.starts_with("s3://") || in.destination_s3_uri.size() <= std::string_view("s3://").size())
    return errors::validation_exception("DestinationS3Uri must be an s3:// URI.");
  capture.enabled = in.enable_capture.value_or(false);
  capture.destination_uri = in.destination_s3_uri;
  capture.sampling_percentage = in.initial_sampling_percentage;
  capture.input = capture.output = false;
  for (const types::CaptureOption& option : in.capture_options) {
    if (option.capture_mode != types::CaptureMode::Output) capture.input = true;
    if (option.capture_mode != types::CaptureMode::Input) capture.output = true;
  }
  return capture;
}

types::DataCaptureConfig describe(const CaptureRow& capture) {
  types::DataCaptureConfig out;
  out.enable_capture = capture.enabled;
  out.initial_sampling_percentage = capture.sampling_percentage;
  out.destination_s3_uri = capture.destination_uri;
  if (capture.input) out.capture_options.push_back({std::string(types::CaptureMode::Input)});
  if (capture.output) out.capture_options.push_back({std::string(types::CaptureMode::Output)});
  return out;
}

}  // namespace

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
Async<types::CreateEndpointConfigOutput> SageMakerService::create_endpoint_config(
    const RequestContext& ctx, const types::CreateEndpointConfigInput& in) {
  CO_TRY_DO(check_served(in));
  EndpointConfigRow config;
  config.name = in.endpoint_config_name;
  config.arn = config_arn(ctx.region, ctx.account_id, in.endpoint_config_name);
  config.execution_role_arn = in.execution_role_arn.value_or("");
  std::set<std::string> variant_names;
  std::int64_t instance_count = 0;
  for (const types::ProductionVariant& variant : in.production_variants) {
    if (!variant_names.insert(variant.variant_name).second)
      co_return errors::validation_exception("Production variant names must be unique: " + variant.variant_name);
    instance_count += *variant.initial_instance_count;
    if (instance_count > instance_count_max)
      co_return errors::resource_limit_exceeded(
          fmt::format("An endpoint of this installation has {} instances at most.", instance_count_max));
    VariantRow& row = config.variants.emplace_back();
    row.variant_name = variant.variant_name;
    row.model_name = *variant.model_name;
    row.instance_type = *variant.instance_type;
    row.initial_instance_count = *variant.initial_instance_count;
    row.weight = variant.initial_variant_weight.value_or(1.0f);
    row.model_download_timeout_s = variant.model_data_download_timeout_in_seconds.value_or(0);
    row.startup_timeout_s = variant.container_startup_health_check_timeout_in_seconds.value_or(0);
  }
  if (in.data_capture_config) {
    CO_TRY(config.capture, capture_of(*in.data_capture_config));
  }
  if (in.tags)
    for (const types::Tag& tag : *in.tags) config.tags[tag.key] = tag.value;
  config.created_ms = to_ms(clock_.now());

  const std::string key = config_key(ctx.account_id, ctx.region, in.endpoint_config_name);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (stored)
      co_return errors::validation_exception("Cannot create already existing endpoint configuration \"" + config.arn +
                                             "\".");
    for (const VariantRow& variant : config.variants) {
      CO_TRY(const auto model, co_await tx.get(model_key(ctx.account_id, ctx.region, variant.model_name)));
      if (!model)
        co_return errors::validation_exception("Could not find model \"" +
                                               model_arn(ctx.region, ctx.account_id, variant.model_name) + "\".");
    }
    tx.put(key, row::encode(config));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return types::CreateEndpointConfigOutput{config.arn};
}

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpointConfig.html
Async<types::DescribeEndpointConfigOutput> SageMakerService::describe_endpoint_config(
    const RequestContext& ctx, const types::DescribeEndpointConfigInput& in) {
  CO_TRY(const auto stored, co_await store_.get(config_key(ctx.account_id, ctx.region, in.endpoint_config_name)));
  if (!stored) co_return no_such_config(config_arn(ctx.region, ctx.account_id, in.endpoint_config_name));
  CO_TRY(const EndpointConfigRow config, row::decode<EndpointConfigRow>(*stored));

  types::DescribeEndpointConfigOutput out;
  out.endpoint_config_name = config.name;
  out.endpoint_config_arn = config.arn;
  out.creation_time = wire::Timestamp(config.created_ms);
  out.enable_network_isolation = false;
  if (!config.execution_role_arn.empty()) out.execution_role_arn = config.execution_role_arn;
  if (!config.capture.destination_uri.empty()) out.data_capture_config = describe(config.capture);
  for (const VariantRow& row : config.variants) {
    types::ProductionVariant& variant = out.production_variants.emplace_back();
    variant.variant_name = row.variant_name;
    variant.model_name = row.model_name;
    variant.instance_type = row.instance_type;
    variant.initial_instance_count = row.initial_instance_count;
    variant.initial_variant_weight = static_cast<float>(row.weight);
    if (row.model_download_timeout_s) variant.model_data_download_timeout_in_seconds = row.model_download_timeout_s;
    if (row.startup_timeout_s) variant.container_startup_health_check_timeout_in_seconds = row.startup_timeout_s;
  }
  co_return out;
}

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListEndpointConfigs.html
Async<types::ListEndpointConfigsOutput> SageMakerService::list_endpoint_configs(
    const RequestContext& ctx, const types::ListEndpointConfigsInput& in) {
  const std::string prefix = make_key("sagemaker", "endpoint-config", ctx.account_id, ctx.region);
  CO_TRY(auto configs, co_await read_rows<EndpointConfigRow>(store_, prefix));
  const bool by_name = in.sort_by.value_or("") == types::EndpointConfigSortKey::Name;
  std::vector<Listed<EndpointConfigRow>> listed;
  for (EndpointConfigRow& config : configs) {
    if (!passes_common_filters(in, config.name, config.created_ms)) continue;
    const std::string sort_key = by_name ? config.name : sortable(config.created_ms);
    listed.push_back({std::move(config), sort_key});
  }
  types::ListEndpointConfigsOutput out;
  CO_TRY(const auto page, take_page(std::move(listed), page_request(in), out.next_token));
  for (const EndpointConfigRow& config : page)
    out.endpoint_configs.push_back({config.name, config.arn, wire::Timestamp(config.created_ms)});
  co_return out;
}

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpointConfig.html
Async<wire::Unit> SageMakerService::delete_endpoint_config(const RequestContext& ctx,
                                                           const types::DeleteEndpointConfigInput& in) {
  const std::string key = config_key(ctx.account_id, ctx.region, in.endpoint_config_name);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (!stored) co_return no_such_config(config_arn(ctx.region, ctx.account_id, in.endpoint_config_name));
    tx.remove(key);
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return wire::Unit{};
}

}  // namespace hearth::sagemaker
