// Time and names have one source each, so that tests can replay both: Clock and IdSource.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth {

using TimePoint = std::chrono::system_clock::time_point;
using std::chrono::milliseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::system_clock::now(); }
};

// A clock that stands still until told to move. Safe from any thread.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(TimePoint start = TimePoint(std::chrono::seconds(1'750'000'000))) : now_(start) {}
  TimePoint now() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }
  void advance(std::chrono::nanoseconds by) {
    std::lock_guard lock(mutex_);
    now_ += std::chrono::duration_cast<TimePoint::duration>(by);
  }

 private:
  mutable std::mutex mutex_;
  TimePoint now_;
};

// Milliseconds since the epoch: what rows and wire timestamps hold.
inline std::int64_t to_ms(TimePoint t) {
  return std::chrono::duration_cast<milliseconds>(t.time_since_epoch()).count();
}
inline TimePoint from_ms(std::int64_t ms) {
  return TimePoint(milliseconds(ms));
}

std::string format_iso8601(TimePoint t);          // 2026-11-23T12:00:00.123Z
std::string format_iso8601_seconds(TimePoint t);  // 2026-11-23T12:00:00Z
std::string format_http_date(TimePoint t);        // RFC 9110 IMF-fixdate: Mon, 23 Nov 2026 12:00:00 GMT
// ISO 8601 (with offset or Z, optional fraction), IMF-fixdate, or epoch seconds with optional fraction.
Result<TimePoint> parse_time(std::string_view text);

}  // namespace hearth
