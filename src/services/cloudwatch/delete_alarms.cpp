#include "api/cloudwatch/errors.h"
#include "services/cloudwatch/arn.h"
#include "services/cloudwatch/cloudwatch_service.h"

namespace hearth::cloudwatch {

namespace errors = hearth::api::cloudwatch::errors;

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html
Async<wire::Unit> CloudWatchService::delete_alarms(const RequestContext& ctx, const api::DeleteAlarmsInput& in) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    for (const std::string& name : in.alarm_names) {
      CO_TRY(const auto alarm, co_await find_alarm(tx, ctx.account_id, ctx.region, name));
      // AWS: with one name that is not there nothing is deleted.
      if (!alarm) co_return errors::resource_not_found("Alarm " + name + " does not exist");
      tx.remove(alarm_key(ctx.account_id, ctx.region, name));
      tx.remove(tags_key(arn::alarm(ctx.region, ctx.account_id, name)));
      add_history(tx, *alarm, api::HistoryItemType::ConfigurationUpdate, "Alarm \"" + name + "\" deleted",
                  R"({"version":"1.0"})");
    }
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return wire::Unit();
}

}  // namespace hearth::cloudwatch
