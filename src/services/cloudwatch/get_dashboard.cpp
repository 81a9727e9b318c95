#include "api/cloudwatch/errors.h"
#include "base/row.h"
#include "services/cloudwatch/arn.h"
#include "services/cloudwatch/cloudwatch_service.h"
#include "services/cloudwatch/dashboard_rows.h"

namespace hearth::cloudwatch {

namespace errors = hearth::api::cloudwatch::errors;

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetDashboard.html
Async<api::GetDashboardOutput> CloudWatchService::get_dashboard(const RequestContext& ctx,
                                                                const api::GetDashboardInput& in) {
  const std::string key = dashboard_key(ctx.account_id, in.dashboard_name);
  CO_TRY(const auto stored, co_await store_.get(key));
  if (!stored) co_return errors::resource_not_found("Dashboard " + in.dashboard_name + " does not exist");
  CO_TRY(const DashboardRow dashboard, row::decode<DashboardRow>(*stored));
  api::GetDashboardOutput out;
  out.dashboard_arn = arn::dashboard(ctx.account_id, dashboard.name);
  out.dashboard_body = dashboard.body;
  out.dashboard_name = dashboard.name;
  co_return out;
}

}  // namespace hearth::cloudwatch
