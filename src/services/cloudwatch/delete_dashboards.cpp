#include "api/cloudwatch/errors.h"
#include "services/cloudwatch/arn.h"
#include "services/cloudwatch/cloudwatch_service.h"
#include "services/cloudwatch/dashboard_rows.h"

namespace hearth::cloudwatch {

namespace errors = hearth::api::cloudwatch::errors;

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteDashboards.html
Async<api::DeleteDashboardsOutput> CloudWatchService::delete_dashboards(const RequestContext& ctx,
                                                                        const api::DeleteDashboardsInput& in) {
  if (in.dashboard_names.empty()) co_return errors::invalid_parameter_value("DashboardNames must not be empty.");
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    for (const std::string& name : in.dashboard_names) {
      const std::string key = dashboard_key(ctx.account_id, name);
      CO_TRY(const auto stored, co_await tx.get(key));
      // AWS: with one name that is not there nothing is deleted.
      if (!stored) co_return errors::resource_not_found("Dashboard " + name + " does not exist");
      tx.remove(key);
      tx.remove(tags_key(arn::dashboard(ctx.account_id, name)));
    }
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return api::DeleteDashboardsOutput();
}

}  // namespace hearth::cloudwatch
