#include "services/cloudwatch/cloudwatch_service.h"

namespace hearth::cloudwatch {

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DisableAlarmActions.html
Async<wire::Unit> CloudWatchService::disable_alarm_actions(const RequestContext& ctx,
                                                           const api::DisableAlarmActionsInput& in) {
  CO_TRY_DO(co_await set_actions_enabled(ctx, in.alarm_names, false));
  co_return wire::Unit();
}

}  // namespace hearth::cloudwatch
