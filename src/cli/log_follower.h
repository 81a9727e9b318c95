// Reads a log group as it grows, without duplicates or gaps. Events come late: several writers, clocks that differ, a
// batch held back; so every look goes back a little before the newest event seen and leaves out what was shown.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "api/logs/types.h"
#include "base/result.h"

namespace hearth::cli {

struct LogQuery {
  std::string group;
  std::vector<std::string> streams;  // empty: all
  std::string pattern;
  std::int64_t start_ms = 0;
};

class LogFollower {
 public:
  using Event = api::logs::FilteredLogEvent;
  // Every event of `query` from query.start_ms on, all pages.
  using Fetch = std::function<Result<std::vector<Event>>(const LogQuery& query)>;

  LogFollower(LogQuery query, Fetch fetch) : query_(std::move(query)), fetch_(std::move(fetch)) {}

  // What is new since the last call, oldest first.
  Result<std::vector<Event>> next();

 private:
  LogQuery query_;
  Fetch fetch_;
  std::int64_t newest_ms_ = 0;
  struct Seen {
    std::int64_t timestamp_ms;
    std::string stream, event_id;
    auto operator<=>(const Seen&) const = default;
  };
  std::set<Seen> seen_;  // of the stretch that is read again
};

class Client;
// Fetches by FilterLogEvents.
LogFollower::Fetch fetch_from(const Client& client);

}  // namespace hearth::cli
