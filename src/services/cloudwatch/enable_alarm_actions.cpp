#include "services/cloudwatch/cloudwatch_service.h"

namespace hearth::cloudwatch {

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_EnableAlarmActions.html
Async<wire::Unit> CloudWatchService::enable_alarm_actions(const RequestContext& ctx,
                                                          const api::EnableAlarmActionsInput& in) {
  CO_TRY_DO(co_await set_actions_enabled(ctx, in.alarm_names, true));
  co_return wire::Unit();
}

// AWS: names of no alarm are passed over.
Async<void> CloudWatchService::set_actions_enabled(const RequestContext& ctx,
                                                   const std::vector<std::string>& alarm_names, bool enabled) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    for (const std::string& name : alarm_names) {
      CO_TRY(auto alarm, co_await find_alarm(tx, ctx.account_id, ctx.region, name));
      if (!alarm) continue;
      alarm->actions_enabled = enabled;
      put_alarm(tx, *alarm);
    }
    co_return ok;
  };
  co_return co_await transact(store_, body);
}

}  // namespace hearth::cloudwatch
