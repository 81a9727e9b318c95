#include "api/cloudwatch/errors.h"
#include "base/row.h"
#include "services/cloudwatch/arn.h"
#include "services/cloudwatch/cloudwatch_service.h"
#include "services/cloudwatch/dashboard_rows.h"

namespace hearth::cloudwatch {
namespace {

namespace errors = hearth::api::cloudwatch::errors;

constexpr std::size_t page_size = 1000;
constexpr std::size_t scan_page_size = 100;

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListDashboards.html
Async<api::ListDashboardsOutput> CloudWatchService::list_dashboards(const RequestContext& ctx,
                                                                    const api::ListDashboardsInput& in) {
  KeyRange range = KeyRange::prefix(dashboards_prefix(ctx.account_id));
  if (in.next_token) {
    const auto last_name = from_base64(*in.next_token);
    if (!last_name) co_return errors::invalid_parameter_value("The value for parameter NextToken is invalid.");
    range.begin = dashboard_key(ctx.account_id, *last_name) + '\0';
  }
  api::ListDashboardsOutput out;
  out.dashboard_entries.has = true;
  for (;;) {
    CO_TRY(const auto rows, co_await store_.scan(range, scan_page_size));
    for (const KeyValue& stored : rows) {
      CO_TRY(const DashboardRow dashboard, row::decode<DashboardRow>(stored.value));
      if (in.dashboard_name_prefix && !dashboard.name.starts_with(*in.dashboard_name_prefix)) continue;
      if (out.dashboard_entries->size() == page_size) {
        out.next_token = to_base64(*out.dashboard_entries->back().dashboard_name);
        co_return out;
      }
      api::DashboardEntry& entry = out.dashboard_entries->emplace_back();
      entry.dashboard_name = dashboard.name;
      entry.dashboard_arn = arn::dashboard(ctx.account_id, dashboard.name);
      entry.last_modified = wire::Timestamp(dashboard.modified_ms);
      entry.size = static_cast<std::int64_t>(dashboard.body.size());
    }
    if (rows.size() < scan_page_size) co_return out;
    range.begin = rows.back().key + '\0';
  }
}

}  // namespace hearth::cloudwatch
