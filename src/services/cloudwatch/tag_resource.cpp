#include "api/cloudwatch/errors.h"
#include "services/cloudwatch/arn.h"
#include "services/cloudwatch/cloudwatch_service.h"
#include "services/cloudwatch/dashboard_rows.h"

namespace hearth::cloudwatch {
namespace {

namespace errors = hearth::api::cloudwatch::errors;

constexpr std::size_t tag_count_max = 50;

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_TagResource.html
Async<api::TagResourceOutput> CloudWatchService::tag_resource(const RequestContext& ctx,
                                                              const api::TagResourceInput& in) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY_DO(co_await check_resource(tx, ctx, in.resource_arn));
    const std::string key = tags_key(in.resource_arn);
    CO_TRY(const auto stored, co_await tx.get(key));
    Tags tags;
    if (stored) {
      CO_TRY(tags, decode_tags(*stored));
    }
    for (const api::Tag& tag : in.tags) tags[tag.key] = tag.value;
    if (tags.size() > tag_count_max) co_return errors::invalid_parameter_value("A resource can have at most 50 tags.");
    tx.put(key, encode_tags(tags));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return api::TagResourceOutput();
}

ResourceTagSource CloudWatchService::resource_tags() {
  return [this](const Principal&, const Access& access) -> Async<ConditionContext> {
    return tag_conditions(access.resource);
  };
}

// Tags go with their alarm or dashboard, so what has a row of tags is there.
Async<ConditionContext> CloudWatchService::tag_conditions(std::string resource_arn) {
  const std::string key = tags_key(resource_arn);
  CO_TRY(const auto stored, co_await store_.get(key));
  if (!stored) co_return ConditionContext();
  CO_TRY(const Tags tags, decode_tags(*stored));
  co_return resource_tag_context(tags, {"aws"});
}

Async<void> CloudWatchService::check_resource(Transaction& tx, const RequestContext& ctx,
                                              std::string_view resource_arn) {
  if (const auto name = arn::alarm_name(resource_arn, ctx.region, ctx.account_id)) {
    CO_TRY(const auto alarm, co_await find_alarm(tx, ctx.account_id, ctx.region, *name));
    if (alarm) co_return ok;
  }
  if (const auto name = arn::dashboard_name(resource_arn, ctx.account_id)) {
    const std::string key = dashboard_key(ctx.account_id, *name);
    CO_TRY(const auto dashboard, co_await tx.get(key));
    if (dashboard) co_return ok;
  }
  co_return errors::resource_not_found_exception("There is no resource " + std::string(resource_arn))
      .with_field("ResourceId", std::string(resource_arn));
}

}  // namespace hearth::cloudwatch
