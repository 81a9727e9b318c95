#include "services/cloudwatch/cloudwatch_service.h"

namespace hearth::cloudwatch {

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListTagsForResource.html
Async<api::ListTagsForResourceOutput> CloudWatchService::list_tags_for_resource(
    const RequestContext& ctx, const api::ListTagsForResourceInput& in) {
  const auto tx = store_.begin();
  CO_TRY_DO(co_await check_resource(*tx, ctx, in.resource_arn));
  const std::string key = tags_key(in.resource_arn);
  CO_TRY(const auto stored, co_await tx->get(key));
  Tags tags;
  if (stored) {
    CO_TRY(tags, decode_tags(*stored));
  }
  api::ListTagsForResourceOutput out;
  out.tags.has = true;
  for (const auto& [name, value] : tags) out.tags->push_back({name, value});
  co_return out;
}

}  // namespace hearth::cloudwatch
