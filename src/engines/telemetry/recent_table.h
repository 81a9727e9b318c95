// What was appended since the last seal, in memory. Private to engines/telemetry. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ports/telemetry_store.h"

namespace hearth::telemetry {

class RecentTable {
 public:
  // Once ordered: by time; samples of one time in append order.
  std::map<std::string, std::vector<Sample>, std::less<>> series;
  // Once ordered: by (time, sequence).
  std::map<std::string, std::vector<LogEvent>, std::less<>> streams;

  void add(std::string_view name, const Sample& sample);
  void add(std::string_view stream, LogEvent event);
  void order_series(std::string_view name);
  void order_stream(std::string_view stream);
  void order_all();
  bool empty() const { return series.empty() && streams.empty(); }
  // Roughly what it costs.
  std::size_t size_bytes() const { return size_bytes_; }

 private:
  std::size_t size_bytes_ = 0;
  std::set<std::string, std::less<>> disordered_series_, disordered_streams_;
};

inline EventPosition position_of(const LogEvent& event) {
  return {event.timestamp_ms, event.sequence};
}

}  // namespace hearth::telemetry
