#include "base/time.h"

#include <fmt/format.h>
#include <charconv>
#include <cmath>

namespace hearth {
namespace {

bool take_digits(std::string_view text, std::size_t at, std::size_t count, int& value) {
  if (at + count > text.size()) return false;
  value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  return true;
}

Result<TimePoint> make_time(int year, int month, int day, int hour, int minute, int second, std::int64_t nanoseconds,
                            int offset_minutes) {
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return Error(ErrorKind::invalid, "not a time");
  const sys_seconds whole = sys_days(date) + hours(hour) + minutes(minute - offset_minutes) + seconds(second);
  // A TimePoint counts nanoseconds and ends in 2262; people write 9999-12-31 when they mean "for ever".
  if (whole >= floor<seconds>(TimePoint::max())) return TimePoint::max();
  if (whole < ceil<seconds>(TimePoint::min())) return TimePoint::min();
  return TimePoint(whole) + duration_cast<TimePoint::duration>(std::chrono::nanoseconds(nanoseconds));
}

struct Parts {
  int year, month, day, hour, minute, second, millisecond, weekday;
};
Parts split(TimePoint t) {
  using namespace std::chrono;
  const auto moment = floor<milliseconds>(t);  // the day of the first TimePoint starts before it
  const auto days = floor<std::chrono::days>(moment);
  const year_month_day date(days);
  const auto ms = (moment - days).count();
  return {static_cast<int>(date.year()),
          static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>(ms / 3'600'000),
          static_cast<int>(ms / 60'000 % 60),
          static_cast<int>(ms / 1000 % 60),
          static_cast<int>(ms % 1000),
          static_cast<int>(weekday(days).c_encoding())};
}

constexpr std::string_view month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::string_view weekday_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

}  // namespace

std::string format_iso8601(TimePoint t) {
  const Parts p = split(t);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", p.year, p.month, p.day, p.hour, p.minute, p.second,
                     p.millisecond);
}

std::string format_iso8601_seconds(TimePoint t) {
  const Parts p = split(t);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", p.year, p.month, p.day, p.hour, p.minute, p.second);
}

std::string format_http_date(TimePoint t) {
  const Parts p = split(t);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", weekday_names[p.weekday], p.day,
                     month_names[p.month - 1], p.year, p.hour, p.minute, p.second);
}

Result<TimePoint> parse_time(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (text.size() >= 10 && text[4] == '-' && take_digits(text, 0, 4, year) && take_digits(text, 5, 2, month) &&
      take_digits(text, 8, 2, day)) {
    std::int64_t nanoseconds = 0;
    int offset = 0;
    if (text.size() > 10) {
      if (!take_digits(text, 11, 2, hour) || !take_digits(text, 14, 2, minute) || !take_digits(text, 17, 2, second))
        return Error(ErrorKind::invalid, "not a time");
      std::size_t at = 19;
      if (at < text.size() && text[at] == '.') {
        std::int64_t scale = 100'000'000;
        for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10)
          nanoseconds += (text[at] - '0') * scale;
      }
      if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
        int offset_hours = 0, offset_minutes = 0;
        if (!take_digits(text, at + 1, 2, offset_hours)) return Error(ErrorKind::invalid, "not a time");
        const std::size_t minutes_at = at + 3 + (at + 3 < text.size() && text[at + 3] == ':');
        take_digits(text, minutes_at, 2, offset_minutes);
        offset = (offset_hours * 60 + offset_minutes) * (text[at] == '-' ? -1 : 1);
      } else if (at < text.size() && (text[at] != 'Z' || at + 1 != text.size())) {
        return Error(ErrorKind::invalid, "not a time");
      }
    }
    return make_time(year, month, day, hour, minute, second, nanoseconds, offset);
  }
  if (text.size() >= 29 && text[3] == ',') {
    for (int m = 0; m < 12; ++m) {
      if (text.substr(8, 3) != month_names[m]) continue;
      if (!take_digits(text, 5, 2, day) || !take_digits(text, 12, 4, year) || !take_digits(text, 17, 2, hour) ||
          !take_digits(text, 20, 2, minute) || !take_digits(text, 23, 2, second))
        break;
      return make_time(year, m + 1, day, hour, minute, second, 0, 0);
    }
    return Error(ErrorKind::invalid, "not a time");
  }
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || !(std::fabs(seconds) < 9e9))
    return Error(ErrorKind::invalid, "not a time");
  return TimePoint(milliseconds(std::llround(seconds * 1000)));
}

}  // namespace hearth
