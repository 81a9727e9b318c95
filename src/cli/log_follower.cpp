#include "cli/log_follower.h"

#include <algorithm>

#include "cli/apis.h"
#include "cli/client.h"

namespace hearth::cli {
namespace {

// How late an event may come and still be shown.
constexpr std::int64_t late_ms_max = 30'000;

}  // namespace

Result<std::vector<LogFollower::Event>> LogFollower::next() {
  LogQuery query = query_;
  query.start_ms = std::max(query_.start_ms, newest_ms_ - late_ms_max);
  TRY(const std::vector<Event> events, fetch_(query));

  std::vector<Event> fresh;
  for (const Event& event : events) {
    const Seen seen{event.timestamp.value_or(0), event.log_stream_name.value_or(""), event.event_id.value_or("")};
    if (!seen_.insert(seen).second) continue;
    newest_ms_ = std::max(newest_ms_, seen.timestamp_ms);
    fresh.push_back(event);
  }
  seen_.erase(seen_.begin(), seen_.lower_bound(Seen{newest_ms_ - late_ms_max, "", ""}));
  return fresh;
}

LogFollower::Fetch fetch_from(const Client& client) {
  return [&client](const LogQuery& query) -> Result<std::vector<LogFollower::Event>> {
    api::logs::FilterLogEventsRequest in;
    in.log_group_name = query.group;
    in.start_time = query.start_ms;
    if (!query.streams.empty()) in.log_stream_names = query.streams;
    if (!query.pattern.empty()) in.filter_pattern = query.pattern;
    std::vector<LogFollower::Event> events;
    const auto take = [&](api::logs::FilterLogEventsResponse& page) {
      if (page.events) std::ranges::move(*page.events, std::back_inserter(events));
      return true;
    };
    TRY_DO(for_each_page<api::logs::op::FilterLogEvents>(client, std::move(in), take));
    return events;
  };
}

}  // namespace hearth::cli
