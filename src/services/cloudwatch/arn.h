// Names of what CloudWatch owns.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html#amazoncloudwatch-resources-for-iam-policies
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth::cloudwatch::arn {

inline std::string alarm(std::string_view region, std::string_view account_id, std::string_view name) {
  return "arn:aws:cloudwatch:" + std::string(region) + ":" + std::string(account_id) + ":alarm:" + std::string(name);
}

// AWS: dashboards belong to no region.
inline std::string dashboard(std::string_view account_id, std::string_view name) {
  return "arn:aws:cloudwatch::" + std::string(account_id) + ":dashboard/" + std::string(name);
}

// The alarm's or dashboard's name, if `text` is an ARN of that account (and region).
inline std::optional<std::string> alarm_name(std::string_view text, std::string_view region,
                                             std::string_view account_id) {
  const std::string prefix = alarm(region, account_id, "");
  if (!text.starts_with(prefix)) return std::nullopt;
  return std::string(text.substr(prefix.size()));
}
inline std::optional<std::string> dashboard_name(std::string_view text, std::string_view account_id) {
  const std::string prefix = dashboard(account_id, "");
  if (!text.starts_with(prefix)) return std::nullopt;
  return std::string(text.substr(prefix.size()));
}

}  // namespace hearth::cloudwatch::arn
