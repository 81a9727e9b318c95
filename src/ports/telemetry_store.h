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
  std::uint64_t sequence = 0;     // rises within a stream in append order; set by the store
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
                                              std::size_t limit, bool backwards) = 0;

  // Forgets a stream's events or everything before a time (retention). Removing nothing succeeds.
  virtual Async<void> remove_stream(std::string_view stream) = 0;
  virtual Async<void> remove_events_before(std::string_view stream, std::int64_t before_ms) = 0;
  virtual Async<void> remove_samples_before(std::int64_t before_ms) = 0;

  // Wipes everything. --test-mode only.
  virtual Async<void> clear() = 0;
};

}  // namespace hearth
