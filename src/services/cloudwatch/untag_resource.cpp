#include "services/cloudwatch/cloudwatch_service.h"

namespace hearth::cloudwatch {

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_UntagResource.html
Async<api::UntagResourceOutput> CloudWatchService::untag_resource(const RequestContext& ctx,
                                                                  const api::UntagResourceInput& in) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY_DO(co_await check_resource(tx, ctx, in.resource_arn));
    const std::string key = tags_key(in.resource_arn);
    CO_TRY(const auto stored, co_await tx.get(key));
    if (!stored) co_return ok;
    CO_TRY(Tags tags, decode_tags(*stored));
    for (const std::string& name : in.tag_keys) tags.erase(name);
    tx.put(key, encode_tags(tags));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return api::UntagResourceOutput();
}

}  // namespace hearth::cloudwatch
