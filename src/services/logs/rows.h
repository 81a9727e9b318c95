// What CloudWatch Logs keeps beside the events themselves (those lie in the TelemetryStore).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/key.h"
#include "base/row.h"

namespace hearth::logs {

struct GroupRow {
  std::string name;
  std::string id;  // tells this group from an earlier one of the same name: its events are not seen again
  std::int64_t created_ms = 0;
  std::int32_t retention_days = 0;  // 0: for ever
  std::map<std::string, std::string> tags;
};
BOOST_DESCRIBE_STRUCT(GroupRow, (), (name, id, created_ms, retention_days, tags))

struct StreamRow {
  std::string name;
  std::string id;
  std::int64_t created_ms = 0;
  std::int64_t first_event_ms = 0, last_event_ms = 0, last_ingestion_ms = 0;  // 0: no events yet
};
BOOST_DESCRIBE_STRUCT(StreamRow, (), (name, id, created_ms, first_event_ms, last_event_ms, last_ingestion_ms))

inline std::string group_prefix(std::string_view account, std::string_view region) {
  return make_key("logs", "group", account, region);
}
inline std::string group_key(std::string_view account, std::string_view region, std::string_view name) {
  return make_key("logs", "group", account, region, name);
}
inline std::string stream_prefix(std::string_view group_id) {
  return make_key("logs", "stream", group_id);
}
inline std::string stream_key(std::string_view group_id, std::string_view name) {
  return make_key("logs", "stream", group_id, name);
}
// The stream's name in the TelemetryStore.
inline std::string event_stream(const GroupRow& group, const StreamRow& stream) {
  return make_key("logs", group.id, stream.id);
}

}  // namespace hearth::logs
