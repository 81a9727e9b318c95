#include "engines/telemetry/recent_table.h"

#include <algorithm>
#include <functional>
#include <utility>

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

// Nearly everything arrives in order, or nearly so. What comes much later than its place waits at the end until
// somebody looks: a history that is sent backwards would else be moved as a whole for each of its items. Says whether
// all of it is in order.
template <class Item, class Position>
bool place(std::vector<Item>& items, bool in_order, Item item, Position position) {
  constexpr std::ptrdiff_t moved_count_max = 256;
  const auto at = in_order ? std::ranges::upper_bound(items, std::invoke(position, item), {}, position) : items.end();
  if (items.end() - at > moved_count_max) {
    items.push_back(std::move(item));
    return false;
  }
  items.insert(at, std::move(item));
  return in_order;
}

}  // namespace

void RecentTable::add(std::string_view name, const Sample& sample) {
  std::vector<Sample>& samples = find_or_make(series, name, size_bytes_);
  if (!place(samples, !disordered_series_.contains(name), sample, &Sample::timestamp_ms))
    disordered_series_.emplace(name);
  size_bytes_ += sizeof sample;
}

void RecentTable::add(std::string_view stream, LogEvent event) {
  std::vector<LogEvent>& events = find_or_make(streams, stream, size_bytes_);
  size_bytes_ += sizeof event + event.message.size();
  if (!place(events, !disordered_streams_.contains(stream), std::move(event), position_of))
    disordered_streams_.emplace(stream);
}

void RecentTable::order_series(std::string_view name) {
  const auto found = disordered_series_.find(name);
  if (found == disordered_series_.end()) return;
  std::ranges::stable_sort(series.find(name)->second, {}, &Sample::timestamp_ms);
  disordered_series_.erase(found);
}

void RecentTable::order_stream(std::string_view stream) {
  const auto found = disordered_streams_.find(stream);
  if (found == disordered_streams_.end()) return;
  std::ranges::sort(streams.find(stream)->second, {}, position_of);
  disordered_streams_.erase(found);
}

void RecentTable::order_all() {
  while (!disordered_series_.empty()) order_series(std::string(*disordered_series_.begin()));
  while (!disordered_streams_.empty()) order_stream(std::string(*disordered_streams_.begin()));
}

}  // namespace hearth::telemetry
