#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/log.h"
#include "ports/read_rows.h"
#include "services/cloudwatch/alarm_description.h"
#include "services/cloudwatch/alarm_notice.h"
#include "services/cloudwatch/alarm_state.h"
#include "services/cloudwatch/cloudwatch_service.h"
#include "services/cloudwatch/metric_query.h"

namespace hearth::cloudwatch {
namespace {

namespace json = boost::json;

AlarmRule rule_of(const AlarmRow& alarm) {
  return {
      .evaluation_periods = alarm.evaluation_periods,
      .datapoints_to_alarm = alarm.datapoints_to_alarm.value_or(alarm.evaluation_periods),
      .threshold = alarm.threshold,
      .comparison = parse_comparison(alarm.comparison_operator).value_or(ThresholdComparison::greater),
      .missing_data = parse_missing_data(alarm.treat_missing_data.value_or("missing")).value_or(MissingData::missing),
  };
}

// The periods that have ended, counted back from the last full minute (or the last full period if that is shorter).
Window evaluation_window(TimePoint now, int period_seconds, int period_count) {
  const std::int64_t grain_ms = std::min(period_seconds, 60) * std::int64_t{1000};
  const std::int64_t end_ms = to_ms(now) / grain_ms * grain_ms;
  const std::int64_t start_ms = end_ms - std::int64_t{period_seconds} * 1000 * period_count;
  return {start_ms, end_ms, start_ms};
}

std::string_view state_value_of(Verdict verdict, std::string_view present) {
  switch (verdict) {
    case Verdict::ok:
      return api::StateValue::OK;
    case Verdict::alarm:
      return api::StateValue::ALARM;
    case Verdict::insufficient_data:
      return api::StateValue::INSUFFICIENT_DATA;
    case Verdict::keep_state:
      return present;
  }
  return present;
}

// "[5.0 (23/11/26 12:00:00)]"
std::string show_datapoints(const std::vector<Point>& points) {
  std::string shown;
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    const std::string time = format_iso8601_seconds(from_ms(point->time_ms));
    shown += fmt::format("{}{} ({}/{}/{} {})", shown.empty() ? "" : ", ", point->value, time.substr(8, 2),
                         time.substr(5, 2), time.substr(2, 2), time.substr(11, 8));
  }
  return shown;
}

std::string_view plural(std::size_t count) {
  return count == 1 ? "" : "s";
}

std::string reason_of(const AlarmRow& alarm, const AlarmRule& rule, const Judgement& judgement,
                      std::string_view new_state) {
  if (new_state == api::StateValue::INSUFFICIENT_DATA)
    return fmt::format("Insufficient Data: {} datapoint{} were unknown.", judgement.missing_count,
                       plural(static_cast<std::size_t>(judgement.missing_count)));
  const std::size_t count = judgement.datapoints.size();
  if (count == 0)
    return fmt::format(
        "Threshold Crossed: no datapoints were received for {} period{} and {} missing datapoint{} were treated as "
        "[{}].",
        rule.evaluation_periods, plural(static_cast<std::size_t>(rule.evaluation_periods)), judgement.missing_count,
        plural(static_cast<std::size_t>(judgement.missing_count)),
        new_state == api::StateValue::ALARM ? "Breaching" : "NonBreaching");
  const bool is_alarm = new_state == api::StateValue::ALARM;
  const int crossing_count = is_alarm ? judgement.breaching_count : static_cast<int>(count) - judgement.breaching_count;
  return fmt::format(
      "Threshold Crossed: {} out of the last {} datapoints [{}] {} {}{} ({}) (minimum {} datapoint{} for {} -> {} "
      "transition).",
      crossing_count, count, show_datapoints(judgement.datapoints), crossing_count == 1 ? "was" : "were",
      is_alarm ? "" : "not ", describe(rule.comparison), rule.threshold, rule.datapoints_to_alarm,
      plural(static_cast<std::size_t>(rule.datapoints_to_alarm)), alarm.state_value, new_state);
}

std::string reason_data_of(const AlarmRow& alarm, const Judgement& judgement, int period_seconds, TimePoint now) {
  json::array recent, evaluated;
  for (const Point& point : judgement.datapoints) {
    recent.emplace_back(point.value);
    evaluated.push_back(json::object{{"timestamp", format_iso8601(from_ms(point.time_ms))}, {"value", point.value}});
  }
  json::object data{{"version", "1.0"}, {"queryDate", format_iso8601(now)}};
  if (!judgement.datapoints.empty()) data["startDate"] = format_iso8601(from_ms(judgement.datapoints.front().time_ms));
  if (alarm.metrics.empty())
    data["statistic"] = alarm.statistic ? *alarm.statistic : alarm.extended_statistic.value_or("");
  data["period"] = period_seconds;
  data["recentDatapoints"] = std::move(recent);
  data["threshold"] = alarm.threshold;
  data["evaluatedDatapoints"] = std::move(evaluated);
  return json::serialize(data);
}

std::string state_history_data(const AlarmRow& before, std::string_view value, std::string_view reason) {
  const json::object old_state{{"stateValue", before.state_value}, {"stateReason", before.state_reason}};
  const json::object new_state{{"stateValue", value}, {"stateReason", reason}};
  return json::serialize(json::object{{"version", "1.0"}, {"oldState", old_state}, {"newState", new_state}});
}

}  // namespace

Async<void> CloudWatchService::evaluate_alarms(TimePoint now) {
  CO_TRY(const auto alarms, co_await read_rows<AlarmRow>(store_, all_alarms_prefix()));
  std::string trimmed;  // account and region whose history was looked after in this round
  for (const AlarmRow& alarm : alarms) {
    // One alarm that cannot be evaluated must not keep the others from it.
    const Result<void> evaluated = co_await evaluate_alarm(alarm, now);
    if (!evaluated)
      log::warning("cannot evaluate an alarm", {{"alarm", alarm.name}, {"why", evaluated.error().message()}});
    if (const std::string place = alarm.account_id + alarm.region; place != trimmed) {
      CO_TRY_DO(co_await trim_history(alarm.account_id, alarm.region, now));
      trimmed = place;
    }
  }
  co_return ok;
}

Async<void> CloudWatchService::evaluate_alarm(const AlarmRow& alarm, TimePoint now) {
  if (!alarm.owed_notices.empty()) CO_TRY_DO(co_await send_owed_notices(alarm.account_id, alarm.region, alarm.name));

  CO_TRY(const auto queries, alarm_queries(alarm));
  const AlarmRule rule = rule_of(alarm);
  const int period_seconds = alarm_period_seconds(alarm, queries);
  const Window window = evaluation_window(now, period_seconds, evaluation_range_periods(rule));
  CO_TRY(const auto results, co_await run_queries(reader_, queries, window));
  std::vector<Point> points;
  if (!results.empty() && !results.front().series.empty()) points = results.front().series.front().points;

  const Judgement judgement = judge(rule, std::move(points));
  CO_TRY(const bool has_low_samples, co_await has_too_few_samples(alarm, queries.front(), judgement, window));
  if (has_low_samples) co_return ok;
  const std::string value(state_value_of(judgement.verdict, alarm.state_value));
  if (value == alarm.state_value) co_return ok;
  const StateChange change{.value = value,
                           .reason = reason_of(alarm, rule, judgement, value),
                           .reason_data = reason_data_of(alarm, judgement, period_seconds, now)};

  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(auto current, co_await find_alarm(tx, alarm.account_id, alarm.region, alarm.name));
    // Deleted, configured anew or set by hand meanwhile: what we worked out is about an alarm that is no more.
    if (!current || current->configured_ms != alarm.configured_ms || current->state_value != alarm.state_value)
      co_return ok;
    change_state(tx, *current, change);
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return co_await send_owed_notices(alarm.account_id, alarm.region, alarm.name);
}

// AWS: an alarm on a percentile may be told to keep its state while a percentile of so few values says nothing.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html
Async<bool> CloudWatchService::has_too_few_samples(const AlarmRow& alarm, const MetricQuery& query,
                                                   const Judgement& judgement, Window window) {
  if (alarm.evaluate_low_sample_count_percentile != "ignore" || !query.source || judgement.datapoints.empty())
    co_return false;
  const double wanted = query.source->statistic.sample_count_wanted();
  const Statistic sample_count = *Statistic::parse(api::Statistic::SampleCount);
  CO_TRY(const TimeSeries counts,
         co_await reader_.series(query.source->metric, query.source->unit, sample_count, query.period_seconds, window));
  double count = 0;
  for (const Point& point : counts.points)
    if (point.time_ms >= judgement.datapoints.front().time_ms) count += point.value;
  co_return count < wanted;
}

void CloudWatchService::change_state(Transaction& tx, AlarmRow& alarm, const StateChange& change) {
  const std::string old_value = alarm.state_value;
  const std::int64_t now_ms = to_ms(clock_.now());
  if (change.value != old_value) {
    add_history(tx, alarm, api::HistoryItemType::StateUpdate,
                fmt::format("Alarm updated from {} to {}", old_value, change.value),
                state_history_data(alarm, change.value, change.reason));
    alarm.state_transitioned_ms = now_ms;
  }
  alarm.state_value = change.value;
  alarm.state_reason = change.reason;
  alarm.state_reason_data = change.reason_data;
  alarm.state_updated_ms = now_ms;
  if (change.value != old_value)
    for (const std::string& topic_arn : topics_to_tell(alarm))
      alarm.owed_notices.push_back({topic_arn, notice_subject(alarm), notice_message(alarm, old_value)});
  put_alarm(tx, alarm);
}

Async<void> CloudWatchService::send_owed_notices(std::string account_id, std::string region, std::string alarm_name) {
  const std::string key = alarm_key(account_id, region, alarm_name);
  CO_TRY(const auto stored, co_await store_.get(key));
  if (!stored) co_return ok;
  CO_TRY(const AlarmRow alarm, decode_alarm(*stored));
  for (const NoticeRow& notice : alarm.owed_notices) {
    const Result<void> sent = co_await notifier_.notify(notice.topic_arn, notice.subject, notice.message);
    // A topic that is gone will never take it; anything else is tried again with the next evaluation.
    if (!sent && sent.error().kind() != ErrorKind::not_found && sent.error().kind() != ErrorKind::aws)
      co_return sent.error();
    const std::string summary =
        sent ? "Successfully executed action " + notice.topic_arn
             : fmt::format("Failed to execute action {}: {}", notice.topic_arn, sent.error().message());
    const TransactionBody body = [&](Transaction& tx) -> Async<void> {
      CO_TRY(auto current, co_await find_alarm(tx, account_id, region, alarm_name));
      if (!current) co_return ok;
      // Somebody else may have sent the same notice meanwhile; then it is crossed off already.
      const auto owed = std::ranges::find_if(current->owed_notices, [&](const NoticeRow& one) {
        return one.topic_arn == notice.topic_arn && one.message == notice.message;
      });
      if (owed == current->owed_notices.end()) co_return ok;
      current->owed_notices.erase(owed);
      add_history(tx, *current, api::HistoryItemType::Action, summary, notice.message);
      put_alarm(tx, *current);
      co_return ok;
    };
    CO_TRY_DO(co_await transact(store_, body));
  }
  co_return ok;
}

void CloudWatchService::add_history(Transaction& tx, const AlarmRow& alarm, std::string_view type, std::string summary,
                                    std::string data) {
  const AlarmHistoryRow history{.alarm_name = alarm.name,
                                .type = std::string(type),
                                .summary = std::move(summary),
                                .data = std::move(data),
                                .time_ms = to_ms(clock_.now())};
  tx.put(history_key(alarm.account_id, alarm.region, history.time_ms, alarm.name, history_number_++),
         encode_history(history));
}

// AWS keeps alarm history for 30 days.
Async<void> CloudWatchService::trim_history(std::string_view account_id, std::string_view region, TimePoint now) {
  constexpr std::chrono::hours history_age_max(30 * 24);
  constexpr std::size_t page_size = 500;
  const std::int64_t before_ms = std::max<std::int64_t>(0, to_ms(now - history_age_max));
  KeyBuilder end;
  end.number(static_cast<std::uint64_t>(before_ms));
  const std::string prefix = history_prefix(account_id, region);
  const KeyRange old{prefix, prefix + end.bytes()};
  CO_TRY(const auto rows, co_await store_.scan(old, page_size));
  if (rows.empty()) co_return ok;
  auto tx = store_.begin();
  for (const KeyValue& stored : rows) tx->remove(stored.key);
  co_return co_await store_.commit(std::move(tx));
}

}  // namespace hearth::cloudwatch
