// The tags of models, endpoint configurations and endpoints, for the Authorizer.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
#include "ports/arn.h"
#include "services/sagemaker/service.h"

namespace hearth::sagemaker {
namespace {

template <class Row>
Async<ConditionContext> conditions_at(MetadataStore& store, std::string key) {
  CO_TRY(const auto stored, co_await store.get(key));
  if (!stored) co_return ConditionContext();
  CO_TRY(const Row row, row::decode<Row>(*stored));
  co_return resource_tag_context(row.tags, {"aws", "sagemaker"});
}

}  // namespace

ResourceTagSource SageMakerService::resource_tags() {
  return [this](const Principal&, const Access& access) -> Async<ConditionContext> {
    return tag_conditions(access.resource);
  };
}

Async<ConditionContext> SageMakerService::tag_conditions(std::string resource_arn) {
  const std::optional<Arn> arn = parse_arn(resource_arn);
  if (!arn) co_return ConditionContext();
  if (const auto name = arn->resource_after("model/"))
    co_return co_await conditions_at<ModelRow>(store_, model_key(arn->account_id, arn->region, *name));
  if (const auto name = arn->resource_after("endpoint-config/"))
    co_return co_await conditions_at<EndpointConfigRow>(store_, config_key(arn->account_id, arn->region, *name));
  if (const auto name = arn->resource_after("endpoint/"))
    co_return co_await conditions_at<EndpointRow>(store_, endpoint_key(arn->account_id, arn->region, *name));
  co_return ConditionContext();
}

}  // namespace hearth::sagemaker
