#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engines/memory/metadata_store.h"
#include "engines/memory/telemetry_store.h"
#include "ports/expect_aws_error.h"
#include "services/cloudwatch/access_rules.h"
#include "services/cloudwatch/cloudwatch_service.h"

namespace hearth::cloudwatch {
namespace {

class FakeNotifier final : public Notifier {
 public:
  Async<void> notify(std::string_view topic_arn, std::string subject, std::string message) override {
    if (fails) co_return Error(ErrorKind::unavailable, "not now");
    sent.push_back(std::string(topic_arn) + " " + subject);
    last_message = std::move(message);
    co_return ok;
  }
  bool fails = false;
  std::vector<std::string> sent;
  std::string last_message;
};

class CloudWatch : public testing::Test {
 protected:
  CloudWatch() {
    ctx.account_id = "123456789012";
    ctx.region = "us-east-1";
  }

  std::int64_t now_ms() const { return to_ms(clock.now()); }
  static api::MetricDatum datum(std::string name, double value) {
    api::MetricDatum made;
    made.metric_name = std::move(name);
    made.value = value;
    return made;
  }
  Result<wire::Unit> put(std::vector<api::MetricDatum> data, std::string metric_namespace = "App") {
    api::PutMetricDataInput in;
    in.namespace_ = std::move(metric_namespace);
    in.metric_data = std::move(data);
    return sync_wait(service.put_metric_data(ctx, in));
  }
  void put(std::string name, double value) { ASSERT_TRUE(put({datum(std::move(name), value)})); }

  api::GetMetricStatisticsInput statistics_of(std::string name, std::vector<std::string> statistics) {
    api::GetMetricStatisticsInput in;
    in.namespace_ = "App";
    in.metric_name = std::move(name);
    in.start_time = wire::Timestamp(now_ms() - 3'600'000);
    in.end_time = wire::Timestamp(now_ms() + 60'000);
    in.period = 7200;
    in.statistics = std::move(statistics);
    return in;
  }
  api::Datapoint only_datapoint(const api::GetMetricStatisticsInput& in) {
    const auto out = sync_wait(service.get_metric_statistics(ctx, in));
    EXPECT_TRUE(out) << out.error().message();
    EXPECT_EQ(out->datapoints->size(), 1u);
    return out->datapoints->empty() ? api::Datapoint() : out->datapoints->front();
  }

  static api::MetricDataQuery metric_query(std::string id, std::string name, std::string stat = "Average",
                                           std::int32_t period = 60) {
    api::MetricDataQuery query;
    query.id = std::move(id);
    api::MetricStat& metric_stat = query.metric_stat.emplace();
    metric_stat.metric.namespace_ = std::string("App");
    metric_stat.metric.metric_name = std::move(name);
    metric_stat.period = period;
    metric_stat.stat = std::move(stat);
    return query;
  }
  static api::MetricDataQuery expression_query(std::string id, std::string expression) {
    api::MetricDataQuery query;
    query.id = std::move(id);
    query.expression = std::move(expression);
    return query;
  }
  api::GetMetricDataInput data_input(std::vector<api::MetricDataQuery> queries) {
    api::GetMetricDataInput in;
    in.metric_data_queries = std::move(queries);
    in.start_time = wire::Timestamp(now_ms() - 600'000);
    in.end_time = wire::Timestamp(now_ms() + 60'000);
    in.scan_by = std::string(api::ScanBy::TimestampAscending);
    return in;
  }
  static std::string show(const std::vector<double>& values) {
    std::string text;
    for (const double value : values) text += fmt::format("{:g} ", value);
    return text;
  }
  std::string values_of(const api::GetMetricDataInput& in, std::string_view id) {
    const auto out = sync_wait(service.get_metric_data(ctx, in));
    if (!out) return out.error().code() + ": " + out.error().message();
    std::string text;
    for (const auto& result : *out->metric_data_results)
      if (*result.id == id) text += show(*result.values);
    return text;
  }

  static api::PutMetricAlarmInput alarm_input(std::string name) {
    api::PutMetricAlarmInput in;
    in.alarm_name = std::move(name);
    in.namespace_ = std::string("App");
    in.metric_name = std::string("errors");
    in.statistic = std::string("Sum");
    in.period = 60;
    in.evaluation_periods = 1;
    in.threshold = 5.0;
    in.comparison_operator = std::string("GreaterThanThreshold");
    in.alarm_actions = std::vector<std::string>{"arn:aws:sns:us-east-1:123456789012:pager"};
    in.ok_actions = std::vector<std::string>{"arn:aws:sns:us-east-1:123456789012:relief"};
    return in;
  }
  void put_alarm(const api::PutMetricAlarmInput& in) {
    const auto done = sync_wait(service.put_metric_alarm(ctx, in));
    ASSERT_TRUE(done) << done.error().message();
  }
  void evaluate() { ASSERT_TRUE(sync_wait(service.evaluate_alarms(clock.now()))); }
  api::MetricAlarm alarm(const std::string& name) {
    api::DescribeAlarmsInput in;
    in.alarm_names = std::vector<std::string>{name};
    const auto out = sync_wait(service.describe_alarms(ctx, in));
    return out && out->metric_alarms->size() == 1 ? out->metric_alarms->front() : api::MetricAlarm();
  }
  std::string state(const std::string& name) { return *alarm(name).state_value; }

  RequestContext ctx;
  FakeClock clock;
  MemoryMetadataStore store;
  MemoryTelemetryStore telemetry;
  FakeNotifier notifier;
  CloudWatchService service{store, telemetry, notifier, clock};
};

TEST_F(CloudWatch, EveryOperationOfTheOverlayIsServed) {
  OperationTable table;
  service.register_operations(table);
  for (std::size_t index = 0; index <= api::op::UntagResource::index; ++index) EXPECT_TRUE(table.find(index)) << index;
}

// ---- metrics

TEST_F(CloudWatch, ValuesInAllThreeFormsAddUp) {
  api::MetricDatum counted;
  counted.metric_name = "latency";
  counted.values = std::vector<double>{1, 2};
  counted.counts = std::vector<double>{3, 1};
  api::MetricDatum summed;
  summed.metric_name = "latency";
  summed.statistic_values = api::StatisticSet{.sample_count = 4, .sum = 40, .minimum = 5, .maximum = 20};
  ASSERT_TRUE(put({datum("latency", 7), counted, summed}));
  const auto point = only_datapoint(statistics_of("latency", {"Sum", "Average", "Minimum", "Maximum", "SampleCount"}));
  EXPECT_EQ(*point.sum, 7 + 3 + 2 + 40);
  EXPECT_EQ(*point.sample_count, 9);
  EXPECT_DOUBLE_EQ(*point.average, 52.0 / 9);
  EXPECT_EQ(*point.minimum, 1);
  EXPECT_EQ(*point.maximum, 20);
  EXPECT_EQ(*point.unit, "None");
}

TEST_F(CloudWatch, PercentilesAreExactWhereValuesWereGiven) {
  std::vector<double> values;
  for (int i = 1; i <= 100; ++i) values.push_back(i);
  api::MetricDatum all;
  all.metric_name = "latency";
  all.values = values;
  ASSERT_TRUE(put({all}));
  auto in = statistics_of("latency", {});
  in.statistics.reset();
  in.extended_statistics = std::vector<std::string>{"p50", "p99", "p99.5", "p100"};
  const auto point = only_datapoint(in);
  EXPECT_EQ(*point.extended_statistics->find("p50"), 50);
  EXPECT_EQ(*point.extended_statistics->find("p99"), 99);
  EXPECT_EQ(*point.extended_statistics->find("p99.5"), 100);
  EXPECT_EQ(*point.extended_statistics->find("p100"), 100);
}

TEST_F(CloudWatch, WrongDataAreRefusedAsAwsDoes) {
  EXPECT_AWS_ERROR(put({datum("x", 1)}, "AWS/EC2"), 400, "InvalidParameterValue");
  EXPECT_AWS_ERROR(put({}), 400, "MissingParameter");
  EXPECT_AWS_ERROR(put({datum("x", std::numeric_limits<double>::quiet_NaN())}), 400, "InvalidParameterValue");
  EXPECT_AWS_ERROR(put({datum("x", std::numeric_limits<double>::infinity())}), 400, "InvalidParameterValue");
  api::MetricDatum nothing;
  nothing.metric_name = "x";
  EXPECT_AWS_ERROR(put({nothing}), 400, "MissingParameter");
  api::MetricDatum both = datum("x", 1);
  both.values = std::vector<double>{1};
  EXPECT_AWS_ERROR(put({both}), 400, "InvalidParameterCombination");
  api::MetricDatum old = datum("x", 1);
  old.timestamp = wire::Timestamp(now_ms() - 15 * 86'400'000LL);
  EXPECT_AWS_ERROR(put({old}), 400, "InvalidParameterValue");
  api::MetricDatum uneven;
  uneven.metric_name = "x";
  uneven.values = std::vector<double>{1, 2};
  uneven.counts = std::vector<double>{1};
  EXPECT_AWS_ERROR(put({uneven}), 400, "InvalidParameterValue");
  EXPECT_AWS_ERROR(put(std::vector<api::MetricDatum>(1001, datum("x", 1))), 400, "InvalidParameterValue");
}

TEST_F(CloudWatch, StatisticsComeInPeriodsWithinTheLimits) {
  for (int minute = 0; minute < 5; ++minute) {
    put("load", minute);
    clock.advance(std::chrono::minutes(1));
  }
  auto in = statistics_of("load", {"Sum"});
  in.period = 60;
  const auto out = sync_wait(service.get_metric_statistics(ctx, in));
  EXPECT_EQ(out->datapoints->size(), 5u);
  in.start_time = wire::Timestamp(now_ms() - 86'400'000LL * 2);
  EXPECT_AWS_ERROR(sync_wait(service.get_metric_statistics(ctx, in)), 400, "InvalidParameterCombination");
  in.period = 45;
  EXPECT_AWS_ERROR(sync_wait(service.get_metric_statistics(ctx, in)), 400, "InvalidParameterValue");
  in = statistics_of("load", {"p50"});
  EXPECT_AWS_ERROR(sync_wait(service.get_metric_statistics(ctx, in)), 400, "InvalidParameterValue");
  in.statistics.reset();
  EXPECT_AWS_ERROR(sync_wait(service.get_metric_statistics(ctx, in)), 400, "InvalidParameterCombination");
}

TEST_F(CloudWatch, MetricMathReachesThroughExpressions) {
  for (int minute = 0; minute < 3; ++minute) {
    put("errors", minute);
    put("requests", 10);
    clock.advance(std::chrono::minutes(1));
  }
  auto percent = expression_query("percent", "100 * share");
  auto share = expression_query("share", "e / r");
  auto errors = metric_query("e", "errors", "Sum"), requests = metric_query("r", "requests", "Sum");
  for (auto* hidden : {&share, &errors, &requests}) hidden->return_data = false;
  EXPECT_EQ(values_of(data_input({percent, share, errors, requests}), "percent"), "0 10 20 ");
  EXPECT_EQ(values_of(data_input({expression_query("a", "b"), expression_query("b", "a")}), "a"),
            "ValidationError: Error in expression 'a': 'a' refers to itself");
  EXPECT_EQ(values_of(data_input({metric_query("e", "errors"), expression_query("x", "SUM(e)")}), "x"),
            "ValidationError: Error in expression 'x': the expression gives a number; it must give a time series");
  EXPECT_EQ(values_of(data_input({metric_query("Bad", "errors")}), "x").substr(0, 15), "ValidationError");
  EXPECT_EQ(values_of(data_input({metric_query("e", "errors"), metric_query("e", "errors")}), "x").substr(0, 15),
            "ValidationError");
}

TEST_F(CloudWatch, EachQueryHasThePeriodsOfTheClock) {
  const std::int64_t hour_ms = now_ms() / 3'600'000 * 3'600'000;
  for (const int minute : {-30, -7, -3, 1})
    ASSERT_TRUE(put([&] {
      auto one = datum("a", minute);
      one.timestamp = wire::Timestamp(hour_ms + minute * 60'000);
      return std::vector{one};
    }()));
  auto in = data_input({metric_query("m", "a", "Sum", 60), metric_query("h", "a", "Sum", 3600)});
  in.start_time = wire::Timestamp(hour_ms - 10 * 60'000 + 13'000);
  in.end_time = wire::Timestamp(hour_ms + 5 * 60'000);
  const auto out = sync_wait(service.get_metric_data(ctx, in)).value();
  const auto& minutes = out.metric_data_results->at(0);
  const auto& hours = out.metric_data_results->at(1);
  EXPECT_EQ(show(*minutes.values), "-7 -3 1 ");  // the longer period beside it makes no difference
  EXPECT_EQ(show(*hours.values), "-40 1 ");
  EXPECT_EQ(hours.timestamps->at(0).ms, hour_ms - 3'600'000);
  EXPECT_EQ(hours.timestamps->at(1).ms, hour_ms);
}

TEST_F(CloudWatch, LabelsSayWhatASeriesIs) {
  auto one = datum("loss", 7);
  one.dimensions = std::vector<api::Dimension>{{"Job", "j1"}};
  ASSERT_TRUE(put({one}));
  auto query = metric_query("m", "loss", "Maximum");
  query.metric_stat->metric.dimensions = one.dimensions;
  query.label = std::string("${PROP('Dim.Job')} ${PROP('Stat')} ${LABEL}: ${LAST}");
  auto all = expression_query("all", "METRICS() * 2");
  all.label = std::string("twice");
  const auto out = sync_wait(service.get_metric_data(ctx, data_input({query, all}))).value();
  EXPECT_EQ(*out.metric_data_results->at(0).label, "j1 Maximum loss: 7");
  EXPECT_EQ(*out.metric_data_results->at(1).label, "twice j1 Maximum loss: 7");
  query.label = std::string("${NOTHING}");
  EXPECT_EQ(values_of(data_input({query}), "m").substr(0, 15), "ValidationError");
}

TEST_F(CloudWatch, MetricDataIsPagedWithoutLossOrRepetition) {
  for (int minute = 0; minute < 5; ++minute) {
    put("a", minute);
    put("b", minute + 10);
    clock.advance(std::chrono::minutes(1));
  }
  auto in = data_input({metric_query("a", "a"), metric_query("b", "b")});
  in.max_datapoints = 3;
  std::string a, b;
  for (int page = 0; page < 10; ++page) {
    const auto out = sync_wait(service.get_metric_data(ctx, in)).value();
    for (const auto& result : *out.metric_data_results) (*result.id == "a" ? a : b) += show(*result.values);
    if (!out.next_token) break;
    in.next_token = *out.next_token;
  }
  EXPECT_EQ(a, "0 1 2 3 4 ");
  EXPECT_EQ(b, "10 11 12 13 14 ");
  in.next_token = std::string("nonsense");
  EXPECT_AWS_ERROR(sync_wait(service.get_metric_data(ctx, in)), 400, "InvalidNextToken");
}

TEST_F(CloudWatch, MetricsAreListedOnceByNamespaceNameAndDimension) {
  api::MetricDatum on_host = datum("cpu", 1);
  on_host.dimensions = std::vector<api::Dimension>{{"host", "a"}, {"core", "0"}};
  api::MetricDatum in_percent = on_host;
  in_percent.unit = std::string("Percent");
  ASSERT_TRUE(put({datum("cpu", 1), on_host, in_percent, datum("disk", 1)}));
  ASSERT_TRUE(put({datum("cpu", 1)}, "Other"));
  const auto count = [&](const api::ListMetricsInput& in) {
    return sync_wait(service.list_metrics(ctx, in)).value().metrics->size();
  };
  api::ListMetricsInput in;
  EXPECT_EQ(count(in), 4u);
  in.namespace_ = std::string("App");
  EXPECT_EQ(count(in), 3u);
  in.metric_name = std::string("cpu");
  EXPECT_EQ(count(in), 2u);
  in.dimensions = std::vector<api::DimensionFilter>{{"host", {}}};
  EXPECT_EQ(count(in), 1u);
  in.dimensions = std::vector<api::DimensionFilter>{{"host", std::string("b")}};
  EXPECT_EQ(count(in), 0u);
  api::ListMetricsInput recent;
  recent.recently_active = std::string("PT3H");
  EXPECT_EQ(count(recent), 4u);
  clock.advance(std::chrono::hours(4));
  EXPECT_EQ(count(recent), 0u);
  ctx.account_id = "210987654321";
  EXPECT_EQ(count({}), 0u) << "another account sees nothing";
}

TEST_F(CloudWatch, ManyMetricsAreListedInPages) {
  std::vector<api::MetricDatum> data;
  for (int i = 0; i < 700; ++i) data.push_back(datum(fmt::format("m{:03}", i), 1));
  ASSERT_TRUE(put(std::move(data)));
  api::ListMetricsInput in;
  const auto first = sync_wait(service.list_metrics(ctx, in)).value();
  ASSERT_EQ(first.metrics->size(), 500u);
  in.next_token = *first.next_token;
  const auto second = sync_wait(service.list_metrics(ctx, in)).value();
  EXPECT_EQ(second.metrics->size(), 200u);
  EXPECT_EQ(*second.metrics->front().metric_name, "m500");
  EXPECT_FALSE(second.next_token);
}

TEST_F(CloudWatch, OtherRoomsMayReportIntoAwsNamespaces) {
  MetricPoint point{.metric_namespace = "AWS/EC2", .name = "CPUUtilization", .dimensions = {{"InstanceId", "i-1"}}};
  point.value = 42;
  point.timestamp_ms = now_ms();
  ASSERT_TRUE(sync_wait(service.put_metrics(ctx.account_id, ctx.region, {point})));
  api::ListMetricsInput in;
  in.namespace_ = std::string("AWS/EC2");
  EXPECT_EQ(sync_wait(service.list_metrics(ctx, in))->metrics->size(), 1u);
}

// ---- alarms

TEST_F(CloudWatch, AnAlarmGoesOffTellsItsTopicAndRecovers) {
  put_alarm(alarm_input("too many errors"));
  EXPECT_EQ(state("too many errors"), "INSUFFICIENT_DATA");
  evaluate();
  EXPECT_TRUE(notifier.sent.empty());

  put("errors", 9);
  clock.advance(std::chrono::minutes(1));
  evaluate();
  EXPECT_EQ(state("too many errors"), "ALARM");
  ASSERT_EQ(notifier.sent.size(), 1u);
  EXPECT_EQ(notifier.sent[0], "arn:aws:sns:us-east-1:123456789012:pager ALARM: \"too many errors\" in us-east-1");
  EXPECT_NE(notifier.last_message.find("\"OldStateValue\":\"INSUFFICIENT_DATA\""), std::string::npos);
  EXPECT_NE(alarm("too many errors").state_reason->find("was greater than the threshold (5)"), std::string::npos);
  evaluate();
  EXPECT_EQ(notifier.sent.size(), 1u) << "a state that stays is told once";

  put("errors", 1);
  clock.advance(std::chrono::minutes(1));
  evaluate();
  EXPECT_EQ(state("too many errors"), "OK");
  EXPECT_EQ(notifier.sent.size(), 2u);
}

TEST_F(CloudWatch, ANoticeThatCannotBeSentIsSentLater) {
  put_alarm(alarm_input("a"));
  put("errors", 9);
  clock.advance(std::chrono::minutes(1));
  notifier.fails = true;
  evaluate();
  EXPECT_EQ(state("a"), "ALARM") << "the change itself is kept";
  EXPECT_TRUE(notifier.sent.empty());
  notifier.fails = false;
  evaluate();
  evaluate();
  EXPECT_EQ(notifier.sent.size(), 1u);
}

TEST_F(CloudWatch, DisabledActionsStayQuiet) {
  put_alarm(alarm_input("a"));
  api::DisableAlarmActionsInput disable{.alarm_names = {"a", "nobody"}};
  ASSERT_TRUE(sync_wait(service.disable_alarm_actions(ctx, disable)));
  put("errors", 9);
  clock.advance(std::chrono::minutes(1));
  evaluate();
  EXPECT_EQ(state("a"), "ALARM");
  EXPECT_TRUE(notifier.sent.empty());
  api::EnableAlarmActionsInput enable{.alarm_names = {"a"}};
  ASSERT_TRUE(sync_wait(service.enable_alarm_actions(ctx, enable)));
  EXPECT_TRUE(*alarm("a").actions_enabled);
}

TEST_F(CloudWatch, AnAlarmOnMetricMathAndOneOnAPercentile) {
  api::PutMetricAlarmInput math;
  math.alarm_name = "error rate";
  auto errors = metric_query("e", "errors", "Sum"), requests = metric_query("r", "requests", "Sum");
  errors.return_data = requests.return_data = false;
  math.metrics = std::vector<api::MetricDataQuery>{expression_query("rate", "100 * e / r"), errors, requests};
  math.evaluation_periods = 1;
  math.threshold = 50.0;
  math.comparison_operator = std::string("GreaterThanOrEqualToThreshold");
  put_alarm(math);
  auto percentile = alarm_input("slow");
  percentile.metric_name = std::string("latency");
  percentile.statistic.reset();
  percentile.extended_statistic = std::string("p90");
  put_alarm(percentile);

  put("errors", 6);
  put("requests", 10);
  for (int i = 1; i <= 10; ++i) put("latency", i);
  clock.advance(std::chrono::minutes(1));
  evaluate();
  EXPECT_EQ(state("error rate"), "ALARM");
  EXPECT_EQ(state("slow"), "ALARM");
  EXPECT_EQ(alarm("error rate").metrics->size(), 3u);
}

TEST_F(CloudWatch, APercentileOfTooFewValuesMayKeepItsAlarmAsItIs) {
  auto in = alarm_input("slow");
  in.metric_name = std::string("latency");
  in.statistic.reset();
  in.extended_statistic = std::string("p90");
  in.evaluate_low_sample_count_percentile = std::string("ignore");
  put_alarm(in);
  in.alarm_name = "slow, however few";
  in.evaluate_low_sample_count_percentile = std::string("evaluate");
  put_alarm(in);
  for (int i = 0; i < 99; ++i) put("latency", 50);  // 100 are needed for p90
  clock.advance(std::chrono::minutes(1));
  evaluate();
  EXPECT_EQ(state("slow"), "INSUFFICIENT_DATA");
  EXPECT_EQ(state("slow, however few"), "ALARM");
  for (int i = 0; i < 100; ++i) put("latency", 50);
  clock.advance(std::chrono::minutes(1));
  evaluate();
  EXPECT_EQ(state("slow"), "ALARM");
}

TEST_F(CloudWatch, AnAlarmThatCouldNeverBeEvaluatedIsRefused) {
  for (const char* expression : {"e + unknown", "SUM(e)", "METRICS()", "5", "SORT(METRICS(), AVG, DESC)", "e +"}) {
    api::PutMetricAlarmInput in;
    in.alarm_name = "wrong";
    auto errors = metric_query("e", "errors", "Sum"), requests = metric_query("r", "requests", "Sum");
    errors.return_data = requests.return_data = false;
    in.metrics = std::vector<api::MetricDataQuery>{expression_query("x", expression), errors, requests};
    in.evaluation_periods = 1;
    in.threshold = 50.0;
    in.comparison_operator = std::string("GreaterThanThreshold");
    EXPECT_AWS_ERROR(sync_wait(service.put_metric_alarm(ctx, in)), 400, "ValidationError");
  }
}

TEST_F(CloudWatch, AnUpdateKeepsTheStateAndDeletingIsAllOrNothing) {
  put_alarm(alarm_input("a"));
  api::SetAlarmStateInput set{.alarm_name = "a", .state_value = "ALARM", .state_reason = "drill"};
  ASSERT_TRUE(sync_wait(service.set_alarm_state(ctx, set)));
  EXPECT_EQ(notifier.sent.size(), 1u);
  auto changed = alarm_input("a");
  changed.threshold = 100.0;
  put_alarm(changed);
  EXPECT_EQ(state("a"), "ALARM");
  EXPECT_EQ(*alarm("a").threshold, 100);

  api::DeleteAlarmsInput both{.alarm_names = {"a", "nobody"}};
  EXPECT_AWS_ERROR(sync_wait(service.delete_alarms(ctx, both)), 404, "ResourceNotFound");
  EXPECT_EQ(state("a"), "ALARM");
  api::DeleteAlarmsInput one{.alarm_names = {"a"}};
  ASSERT_TRUE(sync_wait(service.delete_alarms(ctx, one)));
  EXPECT_EQ(state("a"), "");
  EXPECT_AWS_ERROR(sync_wait(service.set_alarm_state(ctx, set)), 404, "ResourceNotFound");
}

TEST_F(CloudWatch, HistoryTellsWhatHappenedNewestFirst) {
  put_alarm(alarm_input("a"));
  put_alarm(alarm_input("b"));
  clock.advance(std::chrono::seconds(1));
  api::SetAlarmStateInput set{.alarm_name = "a", .state_value = "ALARM", .state_reason = "drill"};
  ASSERT_TRUE(sync_wait(service.set_alarm_state(ctx, set)));
  api::DescribeAlarmHistoryInput in;
  in.alarm_name = std::string("a");
  in.max_records = 2;
  auto out = sync_wait(service.describe_alarm_history(ctx, in)).value();
  ASSERT_EQ(out.alarm_history_items->size(), 2u);
  EXPECT_EQ(*(*out.alarm_history_items)[0].history_item_type, "Action");
  EXPECT_EQ(*(*out.alarm_history_items)[1].history_summary, "Alarm updated from INSUFFICIENT_DATA to ALARM");
  in.next_token = *out.next_token;
  out = sync_wait(service.describe_alarm_history(ctx, in)).value();
  ASSERT_EQ(out.alarm_history_items->size(), 1u);
  EXPECT_EQ(*(*out.alarm_history_items)[0].history_item_type, "ConfigurationUpdate");
  EXPECT_FALSE(out.next_token);
}

TEST_F(CloudWatch, WrongAlarmsAreRefused) {
  const auto refused = [&](auto change) {
    auto in = alarm_input("a");
    change(in);
    return sync_wait(service.put_metric_alarm(ctx, in));
  };
  using In = api::PutMetricAlarmInput;
  EXPECT_AWS_ERROR(refused([](In& in) { in.period = 45; }), 400, "ValidationError");
  EXPECT_AWS_ERROR(refused([](In& in) { in.threshold.reset(); }), 400, "ValidationError");
  EXPECT_AWS_ERROR(refused([](In& in) { in.statistic.reset(); }), 400, "ValidationError");
  EXPECT_AWS_ERROR(refused([](In& in) { in.extended_statistic = std::string("p99"); }), 400, "ValidationError");
  EXPECT_AWS_ERROR(refused([](In& in) { in.datapoints_to_alarm = 2; }), 400, "ValidationError");
  EXPECT_AWS_ERROR(refused([](In& in) { in.evaluation_periods = 2000; }), 400, "ValidationError");
  EXPECT_AWS_ERROR(refused([](In& in) { in.treat_missing_data = std::string("perhaps"); }), 400, "ValidationError");
  EXPECT_AWS_ERROR(refused([](In& in) { in.alarm_actions = std::vector<std::string>{"pager"}; }), 400,
                   "ValidationError");
  EXPECT_AWS_ERROR(refused([](In& in) { in.metrics = std::vector{metric_query("m", "x")}; }), 400, "ValidationError");
}

TEST_F(CloudWatch, AlarmsAreFoundByPrefixStateMetricAndPage) {
  for (const char* name : {"web-1", "web-2", "web-3", "db-1"}) put_alarm(alarm_input(name));
  api::DescribeAlarmsInput in;
  in.alarm_name_prefix = std::string("web-");
  in.max_records = 2;
  const auto first = sync_wait(service.describe_alarms(ctx, in)).value();
  EXPECT_EQ(first.metric_alarms->size(), 2u);
  in.next_token = *first.next_token;
  const auto second = sync_wait(service.describe_alarms(ctx, in)).value();
  ASSERT_EQ(second.metric_alarms->size(), 1u);
  EXPECT_EQ(*second.metric_alarms->front().alarm_name, "web-3");

  api::DescribeAlarmsForMetricInput for_metric{.metric_name = "errors", .namespace_ = "App"};
  EXPECT_EQ(sync_wait(service.describe_alarms_for_metric(ctx, for_metric))->metric_alarms->size(), 4u);
  for_metric.dimensions = std::vector<api::Dimension>{{"host", "a"}};
  EXPECT_EQ(sync_wait(service.describe_alarms_for_metric(ctx, for_metric))->metric_alarms->size(), 0u);
}

// ---- dashboards and tags

TEST_F(CloudWatch, ADashboardIsStoredChangedListedAndDeleted) {
  const std::string body = R"({"widgets":[{"type":"metric","x":0,"y":0,"width":12,"height":6,)"
                           R"("properties":{"metrics":[["App","errors"]],"region":"us-east-1"}}]})";
  api::PutDashboardInput put_in{.dashboard_name = "ops", .dashboard_body = body};
  EXPECT_TRUE(sync_wait(service.put_dashboard(ctx, put_in))->dashboard_validation_messages->empty());
  api::GetDashboardInput get_in{.dashboard_name = "ops"};
  const auto got = sync_wait(service.get_dashboard(ctx, get_in)).value();
  EXPECT_EQ(*got.dashboard_body, body);
  EXPECT_EQ(*got.dashboard_arn, "arn:aws:cloudwatch::123456789012:dashboard/ops");
  const auto listed = sync_wait(service.list_dashboards(ctx, api::ListDashboardsInput())).value();
  ASSERT_EQ(listed.dashboard_entries->size(), 1u);
  EXPECT_EQ(*listed.dashboard_entries->front().size, static_cast<std::int64_t>(body.size()));
  api::DeleteDashboardsInput delete_in{.dashboard_names = {"ops"}};
  ASSERT_TRUE(sync_wait(service.delete_dashboards(ctx, delete_in)));
  EXPECT_AWS_ERROR(sync_wait(service.get_dashboard(ctx, get_in)), 404, "ResourceNotFound");
  EXPECT_AWS_ERROR(sync_wait(service.delete_dashboards(ctx, delete_in)), 404, "ResourceNotFound");
}

TEST_F(CloudWatch, ADashboardThatMakesNoSenseIsRefusedAndAnOddOneWarnedAbout) {
  const auto put_body = [&](std::string body) {
    api::PutDashboardInput in{.dashboard_name = "ops", .dashboard_body = std::move(body)};
    return sync_wait(service.put_dashboard(ctx, in));
  };
  EXPECT_AWS_ERROR(put_body("not json"), 400, "InvalidParameterInput");
  EXPECT_AWS_ERROR(put_body("{}"), 400, "InvalidParameterInput");
  EXPECT_AWS_ERROR(put_body(R"({"widgets":[{"type":"clock","properties":{}}]})"), 400, "InvalidParameterInput");
  EXPECT_AWS_ERROR(put_body(R"({"widgets":[{"type":"text","width":25,"properties":{"markdown":"x"}}]})"), 400,
                   "InvalidParameterInput");
  const auto odd = put_body(R"({"colour":"red","widgets":[]})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(*odd->dashboard_validation_messages->front().data_path, "/colour");
}

TEST_F(CloudWatch, TagsComeAndGoWithTheirAlarm) {
  auto in = alarm_input("a");
  in.tags = std::vector<api::Tag>{{"team", "ml"}};
  put_alarm(in);
  const std::string resource = arn::alarm(ctx.region, ctx.account_id, "a");
  const auto tag_count = [&] {
    return sync_wait(service.list_tags_for_resource(ctx, {.resource_arn = resource})).value().tags->size();
  };
  EXPECT_EQ(tag_count(), 1u);
  api::TagResourceInput tag{.resource_arn = resource, .tags = {{"team", "infra"}, {"tier", "1"}}};
  ASSERT_TRUE(sync_wait(service.tag_resource(ctx, tag)));
  EXPECT_EQ(tag_count(), 2u);
  api::UntagResourceInput untag{.resource_arn = resource, .tag_keys = {"team", "nothing"}};
  ASSERT_TRUE(sync_wait(service.untag_resource(ctx, untag)));
  EXPECT_EQ(tag_count(), 1u);
  tag.resource_arn = arn::alarm(ctx.region, ctx.account_id, "nobody");
  EXPECT_AWS_ERROR(sync_wait(service.tag_resource(ctx, tag)), 404, "ResourceNotFoundException");
}

TEST_F(CloudWatch, AccessIsAskedForOnTheAlarmOrTheNamespace) {
  api::DeleteAlarmsInput delete_in{.alarm_names = {"a", "b"}};
  const auto accesses = AccessRule<api::op::DeleteAlarms>::of(ctx, delete_in);
  ASSERT_EQ(accesses.size(), 2u);
  EXPECT_EQ(accesses[1].resource, "arn:aws:cloudwatch:us-east-1:123456789012:alarm:b");
  api::PutMetricDataInput put_in;
  put_in.namespace_ = "App";
  const Access access = AccessRule<api::op::PutMetricData>::of(ctx, put_in);
  EXPECT_EQ(access.context.at("cloudwatch:namespace"), std::vector<std::string>{"App"});
}

}  // namespace
}  // namespace hearth::cloudwatch
