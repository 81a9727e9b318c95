// Tags of log groups: TagResource, UntagResource, ListTagsForResource.
#include "api/logs/errors.h"
#include "ports/arn.h"
#include "services/logs/service.h"

namespace hearth::logs {
namespace errors = api::logs::errors;
namespace {

constexpr std::size_t tag_count_max = 50;

// The group an ARN names: one of the caller's, or it is not there.
Result<std::string> group_in(const RequestContext& ctx, const std::string& arn) {
  if (!arn.starts_with("arn:"))
    return errors::invalid_parameter_exception("resourceArn must be the ARN of a log group.");
  return one_group_name(ctx, {}, wire::Opt<std::string>(arn));
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html
Async<wire::Unit> LogsService::tag_resource(const RequestContext& ctx, const types::TagResourceRequest& in) {
  bool too_many = false;
  const std::function<void(GroupRow&)> change = [&](GroupRow& group) {
    auto tags = group.tags;
    for (const auto& [key, value] : in.tags) tags[key] = value;
    too_many = tags.size() > tag_count_max;
    if (!too_many) group.tags = std::move(tags);
  };
  CO_TRY(const std::string group_name, group_in(ctx, in.resource_arn));
  CO_TRY_DO(co_await change_group(ctx, group_name, change));
  if (too_many) co_return errors::too_many_tags_exception("A log group can have at most 50 tags.");
  co_return wire::Unit{};
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_UntagResource.html
Async<wire::Unit> LogsService::untag_resource(const RequestContext& ctx, const types::UntagResourceRequest& in) {
  const std::function<void(GroupRow&)> change = [&](GroupRow& group) {
    for (const std::string& key : in.tag_keys) group.tags.erase(key);
  };
  CO_TRY(const std::string group_name, group_in(ctx, in.resource_arn));
  CO_TRY_DO(co_await change_group(ctx, group_name, change));
  co_return wire::Unit{};
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListTagsForResource.html
Async<types::ListTagsForResourceResponse> LogsService::list_tags_for_resource(
    const RequestContext& ctx, const types::ListTagsForResourceRequest& in) {
  CO_TRY(const std::string group_name, group_in(ctx, in.resource_arn));
  CO_TRY(const GroupRow group, co_await find_group(ctx.account_id, ctx.region, group_name));
  types::ListTagsForResourceResponse out;
  auto& tags = out.tags.emplace();
  for (const auto& [key, value] : group.tags) tags[key] = value;
  co_return out;
}

ResourceTagSource LogsService::resource_tags() {
  return
      [this](const Principal&, const Access& access) -> Async<ConditionContext> { return group_tags(access.resource); };
}

// "log-group:NAME", "log-group:NAME:*" or "log-group:NAME:log-stream:STREAM": a stream has its group's tags.
Async<ConditionContext> LogsService::group_tags(std::string resource_arn) {
  const std::optional<Arn> arn = parse_arn(resource_arn);
  const auto rest = arn ? arn->resource_after("log-group:") : std::nullopt;
  if (!rest) co_return ConditionContext();
  const std::string key = group_key(arn->account_id, arn->region, rest->substr(0, rest->find(':')));
  CO_TRY(const auto stored, co_await store_.get(key));
  if (!stored) co_return ConditionContext();
  CO_TRY(const GroupRow group, row::decode<GroupRow>(*stored));
  co_return resource_tag_context(group.tags, {"aws"});
}

}  // namespace hearth::logs
