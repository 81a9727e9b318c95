#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "api/cloudwatch/errors.h"
#include "base/row.h"
#include "services/cloudwatch/arn.h"
#include "services/cloudwatch/cloudwatch_service.h"
#include "services/cloudwatch/dashboard_body.h"
#include "services/cloudwatch/dashboard_rows.h"

namespace hearth::cloudwatch {
namespace {

namespace errors = hearth::api::cloudwatch::errors;

constexpr std::size_t name_length_max = 255;

bool is_dashboard_name(std::string_view name) {
  const auto is_allowed = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; };
  return !name.empty() && name.size() <= name_length_max && std::ranges::all_of(name, is_allowed);
}

}  // namespace

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
Async<api::PutDashboardOutput> CloudWatchService::put_dashboard(const RequestContext& ctx,
                                                                const api::PutDashboardInput& in) {
  if (!is_dashboard_name(in.dashboard_name))
    co_return errors::invalid_parameter_input(
        "The field DashboardName must be 1 to 255 letters, digits, - and _ long.");
  api::PutDashboardOutput out;
  out.dashboard_validation_messages.has = true;
  std::string error_text;
  for (const DashboardFinding& finding : check_dashboard_body(in.dashboard_body)) {
    if (finding.is_error) error_text += fmt::format(" {} {};", finding.path, finding.message);
    out.dashboard_validation_messages->push_back({finding.path, finding.message});
  }
  if (!error_text.empty())
    co_return errors::invalid_parameter_input("The dashboard body is invalid, there are validation errors:" +
                                              error_text);

  const DashboardRow dashboard{in.dashboard_name, in.dashboard_body, to_ms(clock_.now())};
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    const std::string key = dashboard_key(ctx.account_id, in.dashboard_name);
    CO_TRY(const auto old, co_await tx.get(key));
    tx.put(key, row::encode(dashboard));
    if (!old && in.tags) {
      Tags tags;
      for (const api::Tag& tag : *in.tags) tags[tag.key] = tag.value;
      tx.put(tags_key(arn::dashboard(ctx.account_id, in.dashboard_name)), encode_tags(tags));
    }
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return out;
}

}  // namespace hearth::cloudwatch
