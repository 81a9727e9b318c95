#include "engines/memory/telemetry_store.h"

#include <limits>

namespace hearth {

Async<void> MemoryTelemetryStore::append_samples(std::vector<SeriesSample> samples) {
  std::lock_guard lock(mutex_);
  for (SeriesSample& item : samples) series_[std::move(item.series)].emplace(item.sample.timestamp_ms, item.sample);
  co_return ok;
}

Async<void> MemoryTelemetryStore::append_events(std::string_view stream, std::vector<LogEvent> events) {
  std::lock_guard lock(mutex_);
  auto& kept = streams_[std::string(stream)];
  for (LogEvent& event : events) {
    event.sequence = next_sequence_++;
    const EventPosition position{event.timestamp_ms, event.sequence};
    kept.emplace(position, std::move(event));
  }
  co_return ok;
}

Async<std::vector<Sample>> MemoryTelemetryStore::samples(std::string_view series, TimeSpan span) {
  std::lock_guard lock(mutex_);
  std::vector<Sample> found;
  const auto kept = series_.find(series);
  if (kept == series_.end() || span.start_ms >= span.end_ms) co_return found;
  const auto end = kept->second.lower_bound(span.end_ms);
  for (auto it = kept->second.lower_bound(span.start_ms); it != end; ++it) found.push_back(it->second);
  co_return found;
}

Async<std::vector<std::string>> MemoryTelemetryStore::series(std::string_view prefix, std::string_view after,
                                                             std::size_t limit) {
  std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  auto it = after < prefix ? series_.lower_bound(prefix) : series_.upper_bound(after);
  for (; it != series_.end() && it->first.starts_with(prefix) && names.size() < limit; ++it) names.push_back(it->first);
  co_return names;
}

Async<std::vector<LogEvent>> MemoryTelemetryStore::events(std::string_view stream, TimeSpan span,
                                                          const EventPosition* from, EventLimit limit, bool backwards) {
  std::lock_guard lock(mutex_);
  std::vector<LogEvent> found;
  const auto kept = streams_.find(stream);
  if (kept == streams_.end() || span.start_ms >= span.end_ms) co_return found;

  auto first = kept->second.lower_bound({span.start_ms, 0});
  auto last = kept->second.lower_bound({span.end_ms, 0});
  if (backwards) {
    if (from && *from < EventPosition{span.end_ms, 0}) last = kept->second.lower_bound(*from);
    if (from && *from <= EventPosition{span.start_ms, 0}) co_return found;
    while (last != first && found.size() < limit.count) found.push_back((--last)->second);
  } else {
    if (from && *from >= EventPosition{span.end_ms, 0}) co_return found;
    if (from && *from >= EventPosition{span.start_ms, 0}) first = kept->second.upper_bound(*from);
    while (first != last && found.size() < limit.count) found.push_back((first++)->second);
  }
  limit.apply_to(found);
  co_return found;
}

Async<void> MemoryTelemetryStore::remove_stream(std::string_view stream) {
  std::lock_guard lock(mutex_);
  if (const auto kept = streams_.find(stream); kept != streams_.end()) streams_.erase(kept);
  co_return ok;
}

Async<void> MemoryTelemetryStore::remove_events_before(std::string_view stream, std::int64_t before_ms) {
  std::lock_guard lock(mutex_);
  const auto kept = streams_.find(stream);
  if (kept == streams_.end()) co_return ok;
  kept->second.erase(kept->second.begin(), kept->second.lower_bound({before_ms, 0}));
  co_return ok;
}

Async<void> MemoryTelemetryStore::remove_samples_before(std::int64_t before_ms) {
  std::lock_guard lock(mutex_);
  for (auto it = series_.begin(); it != series_.end();) {
    it->second.erase(it->second.begin(), it->second.lower_bound(before_ms));
    it = it->second.empty() ? series_.erase(it) : std::next(it);
  }
  co_return ok;
}

Async<void> MemoryTelemetryStore::clear() {
  std::lock_guard lock(mutex_);
  series_.clear();
  streams_.clear();
  co_return ok;
}

}  // namespace hearth
