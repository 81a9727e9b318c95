// hearth logs: events of a log group, once or as they come.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <thread>

#include "cli/apis.h"
#include "cli/commands.h"
#include "cli/log_follower.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace hearth::cli {
namespace {

constexpr std::chrono::milliseconds look_period{500};

struct LogsFlags {
  std::string group, stream, pattern, since = "1h";
  bool follow = false;
};

void show_event(const LogFollower::Event& event, const LogsFlags& flags, bool json) {
  const std::string stream = event.log_stream_name.value_or(""), message = event.message.value_or("");
  if (json) {
    const boost::json::object line = {
        {"timestamp", event.timestamp.value_or(0)}, {"stream", stream}, {"message", message}};
    fmt::print("{}\n", boost::json::serialize(line));
    return;
  }
  std::string_view text = message;
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  const std::string clock = show_clock(from_ms(event.timestamp.value_or(0)));
  if (flags.stream.empty())
    fmt::print("{} {} {}\n", clock, stream, text);
  else
    fmt::print("{} {}\n", clock, text);
}

// Without a group: which there are.
int list_groups(const Client& client, bool json) {
  Table table({"GROUP", "BYTES", "CREATED"});
  boost::json::array all;
  const auto take = [&](api::logs::DescribeLogGroupsResponse& page) {
    if (!page.log_groups) return true;
    for (const auto& group : *page.log_groups) {
      const auto age = std::chrono::system_clock::now() - from_ms(group.creation_time.value_or(0));
      table.add({group.log_group_name.value_or(""), show_bytes(static_cast<double>(group.stored_bytes.value_or(0))),
                 show_age(std::chrono::duration_cast<std::chrono::seconds>(age)) + " ago"});
      all.emplace_back(group.log_group_name.value_or(""));
    }
    return true;
  };
  const auto listed = for_each_page<api::logs::op::DescribeLogGroups>(client, {}, take);
  if (!listed) return fail("logs", "cannot list the log groups", listed.error());
  if (json)
    fmt::print("{}\n", boost::json::serialize(all));
  else if (table.empty())
    note("There are no log groups yet.");
  else
    fmt::print("{}", table.text());
  return 0;
}

int run_logs(const CommonFlags& common, const LogsFlags& flags) {
  const auto client = connect(common.connection);
  if (!client) return fail("logs", "", client.error());
  if (flags.group.empty()) return list_groups(*client, common.json);
  const auto since = parse_duration(flags.since);
  if (!since) return fail_usage("logs", "--since: " + since.error().message());

  LogQuery query{.group = flags.group, .pattern = flags.pattern};
  query.start_ms = to_ms(std::chrono::system_clock::now() - *since);
  if (!flags.stream.empty()) query.streams = {flags.stream};
  LogFollower follower(query, fetch_from(*client));
  watch_for_interrupt();
  do {
    const auto events = follower.next();
    // A server that is restarted meanwhile does not end a follower.
    if (!events && !(flags.follow && is_worth_retrying(events.error()))) {
      const int code = fail("logs", flags.group, events.error());
      if (events.error().code() == "ResourceNotFoundException") note("  `hearth logs` lists the groups there are.");
      return code;
    }
    if (events)
      for (const auto& event : *events) show_event(event, flags, common.json);
    // A reader such as `head` that has gone away ends us.
    if (std::fflush(stdout) != 0) return 0;
    if (flags.follow && !was_interrupted()) std::this_thread::sleep_for(look_period);
  } while (flags.follow && !was_interrupted());
  return 0;
}

}  // namespace

Command make_logs_command(CLI::App& parent, const std::filesystem::path& data_folder_default) {
  CLI::App* app = parent.add_subcommand("logs", "show a log group, or follow it as it grows");
  const CommonFlagsPtr common = add_common_flags(*app, data_folder_default);
  const auto flags = std::make_shared<LogsFlags>();
  app->add_option("GROUP", flags->group, "log group; without it, the groups are listed");
  app->add_option("STREAM", flags->stream, "only this stream");
  app->add_flag("-f,--follow", flags->follow, "go on until Ctrl-C");
  app->add_option("--since", flags->since, "how far back to begin")->capture_default_str();
  app->add_option("--filter", flags->pattern, "CloudWatch Logs filter pattern");
  app->footer(
      "Examples:\n  hearth logs\n  hearth logs -f /hearth/ec2/console\n"
      "  hearth logs --since 10m --filter '{ $.Loss > 3 }' /training\n  hearth logs --filter '?ERROR ?Traceback' /app "
      "web-1");
  return {app, [common, flags] { return run_logs(*common, *flags); }};
}

}  // namespace hearth::cli
