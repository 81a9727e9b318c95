// What was appended since the last seal, sorted, in memory. Private to engines/telemetry. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ports/telemetry_store.h"

namespace hearth::telemetry {

class RecentTable {
 public:
  // Sorted by time; samples of one time in append order.
  std::map<std::string, std::vector<Sample>, std::less<>> series;
  // Sorted by (time, sequence).
  std::map<std::string, std::vector<LogEvent>, std::less<>> streams;

  void add(std::string_view name, const Sample& sample);
  void add(std::string_view stream, LogEvent event);
  bool empty() const { return series.empty() && streams.empty(); }
  // Roughly what it costs.
  std::size_t size_bytes() const { return size_bytes_; }

 private:
  std::size_t size_bytes_ = 0;
};

inline EventPosition position_of(const LogEvent& event) {
  return {event.timestamp_ms, event.sequence};
}

}  // namespace hearth::telemetry
