// Models: CreateModel, DescribeModel, ListModels, DeleteModel.
#include <algorithm>

#include "api/sagemaker/errors.h"
#include "services/sagemaker/access.h"
#include "services/sagemaker/listing.h"
#include "services/sagemaker/service.h"

namespace hearth::sagemaker {
namespace errors = api::sagemaker::errors;
namespace {

// The only program that endpoints run. Other images need a container runtime that pulls them, which is not there.
constexpr std::string_view served_image = "hearth-infer";

Error no_such_model(const std::string& arn) {
  return errors::validation_exception("Could not find model \"" + arn + "\".");
}

// "registry/path/hearth-infer:tag" is served as well.
bool is_served_image(std::string_view image) {
  const auto slash = image.rfind('/');
  if (slash != image.npos) image.remove_prefix(slash + 1);
  return image.substr(0, image.find_first_of(":@")) == served_image;
}

// What a request asks for beyond what endpoints here can do: said now, not found out by a model that never answers.
Result<void> check_served(const types::CreateModelInput& in) {
  if (in.containers && !in.containers->empty())
    return errors::validation_exception("Inference pipelines are not served: use PrimaryContainer, not Containers.");
  if (!in.primary_container) return errors::validation_exception("PrimaryContainer is required.");
  if (in.vpc_config) return errors::validation_exception("VpcConfig is not served: endpoints run in the default VPC.");
  if (in.enable_network_isolation && *in.enable_network_isolation)
    return errors::validation_exception("EnableNetworkIsolation is not served.");
  const types::ContainerDefinition& container = *in.primary_container;
  if (container.image && !is_served_image(*container.image))
    return errors::validation_exception("Image " + *container.image +
                                        " is not served: endpoints run Cloudhearth's own inference server. Leave Image "
                                        "out, or name " +
                                        std::string(served_image) + ".");
  if (container.mode && *container.mode != types::ContainerMode::SingleModel)
    return errors::validation_exception("Only the container mode SingleModel is served.");
  if (container.model_package_name) return errors::validation_exception("Model packages are not served.");
  if (container.additional_model_data_sources && !container.additional_model_data_sources->empty())
    return errors::validation_exception("AdditionalModelDataSources are not served.");
  if (!in.execution_role_arn)
    return errors::validation_exception("ExecutionRoleArn is required: the machine reads the model as that role.");
  return ok;
}

struct ModelData {
  std::string uri;
  std::string s3_data_type;  // empty: it came as ModelDataUrl
};

Result<ModelData> model_data_of(const types::ContainerDefinition& container) {
  ModelData data;
  if (container.model_data_url) {
    data.uri = *container.model_data_url;
  } else if (container.model_data_source && container.model_data_source->s3_data_source) {
    const types::S3ModelDataSource& source = *container.model_data_source->s3_data_source;
    if (source.compression_type != types::ModelCompressionType::None)
      return errors::validation_exception("Compressed model data is not served: use CompressionType None.");
    data.uri = source.s3_uri;
    data.s3_data_type = source.s3_data_type;
  }
  if (!data.uri.starts_with("s3://") || data.uri.size() == std::string_view("s3://").size())
    return errors::validation_exception(
        "The model's data must be named by an s3:// URI in ModelDataUrl or ModelDataSource.");
  if (data.uri.ends_with(".tar.gz"))
    return errors::validation_exception(
        "Compressed model data is not served: name the folder that holds config.json and *.safetensors, or a .gguf "
        "object.");
  if (data.uri.find_first_of("\n\r'") != std::string::npos)
    return errors::validation_exception("The model's URI has characters that are not served.");
  return data;
}

}  // namespace

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html
Async<types::CreateModelOutput> SageMakerService::create_model(const RequestContext& ctx,
                                                               const types::CreateModelInput& in) {
  CO_TRY_DO(check_served(in));
  const types::ContainerDefinition& container = *in.primary_container;
  CO_TRY(ModelData data, model_data_of(container));

  const std::string session_name = "SageMaker";
  const auto assumed = co_await roles_.assume_role_for_service(*in.execution_role_arn, service_principal, session_name,
                                                               std::chrono::minutes(15));
  if (!assumed) {
    if (assumed.error().kind() == ErrorKind::unavailable) co_return assumed.error();
    co_return errors::validation_exception("Could not assume role " + *in.execution_role_arn +
                                           ". Please ensure that the role exists and allows principal '" +
                                           std::string(service_principal) + "' to assume the role.");
  }

  ModelRow model;
  model.name = in.model_name;
  model.arn = model_arn(ctx.region, ctx.account_id, in.model_name);
  model.execution_role_arn = *in.execution_role_arn;
  model.image = container.image.value_or("");
  model.container_hostname = container.container_hostname.value_or("");
  model.model_uri = std::move(data.uri);
  model.s3_data_type = std::move(data.s3_data_type);
  if (container.environment)
    for (const auto& [name, value] : *container.environment) model.environment[name] = value;
  if (in.tags)
    for (const types::Tag& tag : *in.tags) model.tags[tag.key] = tag.value;
  model.created_ms = to_ms(clock_.now());

  const std::string key = model_key(ctx.account_id, ctx.region, in.model_name);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (stored) co_return errors::validation_exception("Cannot create already existing model \"" + model.arn + "\".");
    tx.put(key, row::encode(model));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return types::CreateModelOutput{model.arn};
}

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeModel.html
Async<types::DescribeModelOutput> SageMakerService::describe_model(const RequestContext& ctx,
                                                                   const types::DescribeModelInput& in) {
  CO_TRY(const auto stored, co_await store_.get(model_key(ctx.account_id, ctx.region, in.model_name)));
  if (!stored) co_return no_such_model(model_arn(ctx.region, ctx.account_id, in.model_name));
  CO_TRY(const ModelRow model, row::decode<ModelRow>(*stored));

  types::DescribeModelOutput out;
  out.model_name = model.name;
  out.model_arn = model.arn;
  out.execution_role_arn = model.execution_role_arn;
  out.creation_time = wire::Timestamp(model.created_ms);
  out.enable_network_isolation = false;
  types::ContainerDefinition& container = out.primary_container.emplace();
  container.mode = std::string(types::ContainerMode::SingleModel);
  if (!model.image.empty()) container.image = model.image;
  if (!model.container_hostname.empty()) container.container_hostname = model.container_hostname;
  if (model.s3_data_type.empty()) {
    container.model_data_url = model.model_uri;
  } else {
    types::S3ModelDataSource& source = container.model_data_source.emplace().s3_data_source.emplace();
    source.s3_uri = model.model_uri;
    source.s3_data_type = model.s3_data_type;
    source.compression_type = types::ModelCompressionType::None;
  }
  if (!model.environment.empty()) {
    auto& environment = container.environment.emplace();
    for (const auto& [name, value] : model.environment) environment[name] = value;
  }
  co_return out;
}

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListModels.html
Async<types::ListModelsOutput> SageMakerService::list_models(const RequestContext& ctx,
                                                             const types::ListModelsInput& in) {
  CO_TRY(auto models, co_await read_rows<ModelRow>(store_, make_key("sagemaker", "model", ctx.account_id, ctx.region)));
  const bool by_name = in.sort_by.value_or("") == types::ModelSortKey::Name;
  std::vector<Listed<ModelRow>> listed;
  for (ModelRow& model : models) {
    if (!passes_common_filters(in, model.name, model.created_ms)) continue;
    const std::string sort_key = by_name ? model.name : sortable(model.created_ms);
    listed.push_back({std::move(model), sort_key});
  }
  types::ListModelsOutput out;
  CO_TRY(const auto page, take_page(std::move(listed), page_request(in), out.next_token));
  for (const ModelRow& model : page) out.models.push_back({model.name, model.arn, wire::Timestamp(model.created_ms)});
  co_return out;
}

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteModel.html
// AWS: endpoints that were made of the model go on.
Async<wire::Unit> SageMakerService::delete_model(const RequestContext& ctx, const types::DeleteModelInput& in) {
  const std::string key = model_key(ctx.account_id, ctx.region, in.model_name);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (!stored) co_return no_such_model(model_arn(ctx.region, ctx.account_id, in.model_name));
    tx.remove(key);
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return wire::Unit{};
}

}  // namespace hearth::sagemaker
