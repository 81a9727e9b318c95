#include <boost/json.hpp>

#include "api/cloudwatch/errors.h"
#include "services/cloudwatch/cloudwatch_service.h"

namespace hearth::cloudwatch {

namespace errors = hearth::api::cloudwatch::errors;

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html
Async<wire::Unit> CloudWatchService::set_alarm_state(const RequestContext& ctx, const api::SetAlarmStateInput& in) {
  if (in.state_reason_data && !in.state_reason_data->empty()) {
    boost::system::error_code not_json;
    boost::json::parse(*in.state_reason_data, not_json);
    if (not_json) co_return errors::invalid_format("StateReasonData must be JSON.");
  }
  const StateChange change{.value = in.state_value, .reason = in.state_reason, .reason_data = in.state_reason_data.v};
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(auto alarm, co_await find_alarm(tx, ctx.account_id, ctx.region, in.alarm_name));
    if (!alarm) co_return errors::resource_not_found("Alarm " + in.alarm_name + " does not exist");
    change_state(tx, *alarm, change);
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  // The new state is kept; a notice that cannot be sent now goes out with the next evaluation.
  (void)co_await send_owed_notices(ctx.account_id, ctx.region, in.alarm_name);
  co_return wire::Unit();
}

}  // namespace hearth::cloudwatch
