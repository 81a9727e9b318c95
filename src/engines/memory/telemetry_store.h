// Samples and log events in memory, for tests. Safe from any thread.
#pragma once

#include <map>
#include <mutex>

#include "ports/telemetry_store.h"

namespace hearth {

class MemoryTelemetryStore final : public TelemetryStore {
 public:
  Async<void> append_samples(std::vector<SeriesSample> samples) override;
  Async<void> append_events(std::string_view stream, std::vector<LogEvent> events) override;
  Async<std::vector<Sample>> samples(std::string_view series, TimeSpan span) override;
  Async<std::vector<std::string>> series(std::string_view prefix, std::string_view after, std::size_t limit) override;
  Async<std::vector<LogEvent>> events(std::string_view stream, TimeSpan span, const EventPosition* from,
                                      EventLimit limit, bool backwards) override;
  Async<void> remove_stream(std::string_view stream) override;
  Async<void> remove_events_before(std::string_view stream, std::int64_t before_ms) override;
  Async<void> remove_samples_before(std::int64_t before_ms) override;
  Async<void> clear() override;

 private:
  std::mutex mutex_;
  std::uint64_t next_sequence_ = 1;
  std::map<std::string, std::multimap<std::int64_t, Sample>, std::less<>> series_;
  std::map<std::string, std::map<EventPosition, LogEvent>, std::less<>> streams_;
};

}  // namespace hearth
