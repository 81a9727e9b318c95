// Dashboards as rows. Private to services/cloudwatch.
#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/key.h"

namespace hearth::cloudwatch {

struct DashboardRow {
  std::string name, body;
  std::int64_t modified_ms = 0;
};
BOOST_DESCRIBE_STRUCT(DashboardRow, (), (name, body, modified_ms))

inline std::string dashboards_prefix(std::string_view account_id) {
  return make_key("cloudwatch", "dashboard", account_id);
}
inline std::string dashboard_key(std::string_view account_id, std::string_view name) {
  return make_key("cloudwatch", "dashboard", account_id, name);
}

}  // namespace hearth::cloudwatch
