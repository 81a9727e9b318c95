// Metric samples and log events: append, then query by series and time. Appends are durable when they return.
// Safe from any thread. Implemented by engines/telemetry (WAL + compressed blocks in the BlobStore), engines/memory.
// Series and streams are named by opaque keys the services build (account, region, namespace, …), ordered bytewise.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/time.h"

namespace hearth {

// One reported value, or a set of them already summed (CloudWatch StatisticSet): `count` values between min and max.
struct Sample {
  std::int64_t timestamp_ms = 0;
  double sum = 0;
  double min = 0;
  double max = 0;
  double count = 1;
};

struct SeriesSample {
  std::string series;
  Sample sample;
};

struct LogEvent {
  std::int64_t timestamp_ms = 0;  // when it happened
  std::int64_t ingestion_ms = 0;  // when we took it
  std::uint64_t sequence = 0;     // rises in append order, over all streams; set by the store
  std::string message;
};

struct StreamEvent {
  std::string stream;  // filled by queries over several streams
  LogEvent event;
};

// In [start, end).
struct TimeSpan {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
};

// Where a page of events ended; default is the edge of the span. Order is (timestamp, sequence).
struct EventPosition {
  std::int64_t timestamp_ms = 0;
  std::uint64_t sequence = 0;
  auto operator<=>(const EventPosition&) const = default;
};

// How much one call gives: so many events, and no more once their messages together have so many bytes. The first event
// always comes, however large.
struct EventLimit {
  EventLimit(std::size_t count, std::size_t bytes = SIZE_MAX)
      : count(count), bytes(bytes) {}  // NOLINT: a number will do
  std::size_t count;
  std::size_t bytes;

  // Makes `events` the beginning of itself that the limit allows. Where some had to go, that many are the limit from
  // now on: whoever reads on, for events that come before those, cannot take more either.
  void apply_to(std::vector<LogEvent>& events) {
    std::size_t kept = 0, bytes_so_far = 0;
    while (kept < events.size() && kept < count) {
      bytes_so_far += events[kept].message.size();
      if (kept > 0 && bytes_so_far > bytes) break;
      ++kept;
    }
    if (kept == events.size()) return;
    events.resize(kept);
    count = kept;
  }
};

class TelemetryStore {
 public:
  virtual ~TelemetryStore() = default;

  // All or nothing; durable when this returns.
  virtual Async<void> append_samples(std::vector<SeriesSample> samples) = 0;
  virtual Async<void> append_events(std::string_view stream, std::vector<LogEvent> events) = 0;

  // Samples of one series in the span, by time. Samples with one timestamp are kept apart.
  virtual Async<std::vector<Sample>> samples(std::string_view series, TimeSpan span) = 0;
  // Names of series that start with `prefix`, ordered, after `after`.
  virtual Async<std::vector<std::string>> series(std::string_view prefix, std::string_view after,
                                                 std::size_t limit) = 0;

  // Events of one stream ordered by (timestamp, sequence): at most `limit` strictly after `from` (or strictly before
  // it, newest first, if `backwards`), inside the span. Null `from`: from the span's edge.
  virtual Async<std::vector<LogEvent>> events(std::string_view stream, TimeSpan span, const EventPosition* from,
                                              EventLimit limit, bool backwards) = 0;

  // Forgets a stream's events or everything before a time (retention). Removing nothing succeeds.
  virtual Async<void> remove_stream(std::string_view stream) = 0;
  virtual Async<void> remove_events_before(std::string_view stream, std::int64_t before_ms) = 0;
  virtual Async<void> remove_samples_before(std::int64_t before_ms) = 0;

  // Wipes everything. --test-mode only.
  virtual Async<void> clear() = 0;
};

}  // namespace hearth
