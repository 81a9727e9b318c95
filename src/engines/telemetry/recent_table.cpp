#include "engines/telemetry/recent_table.h"

#include <algorithm>

namespace hearth::telemetry {
namespace {

constexpr std::size_t map_entry_bytes = 120;

template <class Map>
auto& find_or_make(Map& map, std::string_view name, std::size_t& size_bytes) {
  auto found = map.find(name);
  if (found == map.end()) {
    found = map.emplace(std::string(name), typename Map::mapped_type()).first;
    size_bytes += map_entry_bytes + name.size();
  }
  return found->second;
}

}  // namespace

// Nearly everything arrives in order, so nearly everything goes to the end.
void RecentTable::add(std::string_view name, const Sample& sample) {
  std::vector<Sample>& samples = find_or_make(series, name, size_bytes_);
  const auto place = std::ranges::upper_bound(samples, sample.timestamp_ms, {}, &Sample::timestamp_ms);
  samples.insert(place, sample);
  size_bytes_ += sizeof sample;
}

void RecentTable::add(std::string_view stream, LogEvent event) {
  std::vector<LogEvent>& events = find_or_make(streams, stream, size_bytes_);
  size_bytes_ += sizeof event + event.message.size();
  const auto place = std::ranges::upper_bound(events, position_of(event), {}, position_of);
  events.insert(place, std::move(event));
}

}  // namespace hearth::telemetry
