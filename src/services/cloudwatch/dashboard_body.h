// What is wrong with a dashboard's JSON.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth::cloudwatch {

struct DashboardFinding {
  bool is_error = false;  // errors keep the dashboard from being stored, warnings do not
  std::string path;       // "/widgets/0/type"
  std::string message;
};

std::vector<DashboardFinding> check_dashboard_body(std::string_view body);

}  // namespace hearth::cloudwatch
