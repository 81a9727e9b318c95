// CloudWatch with the SDK for JavaScript: metrics, alarms, dashboards.
import assert from "node:assert/strict";
import { test } from "node:test";

import { account, all, client, refused } from "./sdk.mjs";

const cloudwatch = client("cloudwatch");
const minute = 60_000;
const now = new Date(Math.floor(Date.now() / minute) * minute);
const from = new Date(now - 10 * minute);
const to = new Date(now.getTime() + minute);

test("samples come back as statistics, expressions and names", async () => {
  const Dimensions = [{ Name: "Job", Value: "j1" }];
  const MetricData = [1, 2, 3, 4].map((Value) => ({ MetricName: "Loss", Dimensions, Value, Timestamp: now, Unit: "None" }));
  await cloudwatch.PutMetricData({ Namespace: "Train", MetricData });
  const metric = { Namespace: "Train", MetricName: "Loss", Dimensions };
  const { Datapoints } = await cloudwatch.GetMetricStatistics({ ...metric, StartTime: from, EndTime: to, Period: 60, Statistics: ["Average", "Maximum", "SampleCount"] });
  assert.deepEqual(Datapoints.map((point) => [point.Average, point.Maximum, point.SampleCount]), [[2.5, 4, 4]]);
  assert.equal(Datapoints[0].Timestamp.getTime(), now.getTime());
  const { MetricDataResults } = await cloudwatch.GetMetricData({ StartTime: from, EndTime: to, MetricDataQueries: [
    { Id: "loss", MetricStat: { Metric: metric, Period: 60, Stat: "Sum" } },
    { Id: "half", Expression: "loss / 2" },
  ] });
  assert.deepEqual(Object.fromEntries(MetricDataResults.map((result) => [result.Id, result.Values])), { loss: [10], half: [5] });
  const pages = cloudwatch.module.paginateListMetrics({ client: cloudwatch.sdk }, { Namespace: "Train" });
  assert.deepEqual(await all(pages, "Metrics"), [metric]);
  await refused(cloudwatch.GetMetricStatistics({ ...metric, StartTime: to, EndTime: from, Period: 60, Statistics: ["Sum"] }), "InvalidParameterCombinationException", 400);
});

test("an alarm is made, set, found, silenced, tagged, remembered and removed", async () => {
  const AlarmName = "hot";
  // A state set by hand lasts until the next evaluation; an alarm that ignores missing data stays in it.
  await cloudwatch.PutMetricAlarm({ AlarmName, Namespace: "Gpu", MetricName: "Temperature", Statistic: "Maximum", Period: 60,
    EvaluationPeriods: 1, Threshold: 80, ComparisonOperator: "GreaterThanThreshold", TreatMissingData: "ignore", Tags: [{ Key: "team", Value: "llm" }] });
  await cloudwatch.SetAlarmState({ AlarmName, StateValue: "ALARM", StateReason: "testing" });
  const [alarm] = (await cloudwatch.DescribeAlarms({ AlarmNames: [AlarmName] })).MetricAlarms;
  assert.deepEqual([alarm.StateValue, alarm.StateReason, alarm.ActionsEnabled, alarm.Threshold], ["ALARM", "testing", true, 80]);
  assert.equal(alarm.AlarmArn, `arn:aws:cloudwatch:us-east-1:${account}:alarm:${AlarmName}`);
  const forMetric = await cloudwatch.DescribeAlarmsForMetric({ Namespace: "Gpu", MetricName: "Temperature" });
  assert.deepEqual(forMetric.MetricAlarms.map((found) => found.AlarmName), [AlarmName]);
  const history = await cloudwatch.DescribeAlarmHistory({ AlarmName, HistoryItemType: "StateUpdate" });
  assert.match(history.AlarmHistoryItems[0].HistorySummary, /ALARM/);

  await cloudwatch.DisableAlarmActions({ AlarmNames: [AlarmName] });
  const actionsEnabled = async () => (await cloudwatch.DescribeAlarms({ AlarmNames: [AlarmName] })).MetricAlarms[0].ActionsEnabled;
  assert.equal(await actionsEnabled(), false);
  await cloudwatch.EnableAlarmActions({ AlarmNames: [AlarmName] });
  assert.equal(await actionsEnabled(), true);

  const ResourceARN = alarm.AlarmArn;
  await cloudwatch.TagResource({ ResourceARN, Tags: [{ Key: "mood", Value: "calm" }] });
  await cloudwatch.UntagResource({ ResourceARN, TagKeys: ["team"] });
  assert.deepEqual((await cloudwatch.ListTagsForResource({ ResourceARN })).Tags, [{ Key: "mood", Value: "calm" }]);

  await cloudwatch.DeleteAlarms({ AlarmNames: [AlarmName] });
  assert.deepEqual((await cloudwatch.DescribeAlarms({ AlarmNames: [AlarmName] })).MetricAlarms ?? [], []);
  await refused(cloudwatch.SetAlarmState({ AlarmName, StateValue: "OK", StateReason: "r" }), "ResourceNotFound", 404);
});

test("a dashboard is kept as it was given", async () => {
  const widget = { type: "text", x: 0, y: 0, width: 3, height: 3, properties: { markdown: "hi" } };
  const DashboardBody = JSON.stringify({ widgets: [widget] });
  await cloudwatch.PutDashboard({ DashboardName: "d", DashboardBody });
  assert.deepEqual(JSON.parse((await cloudwatch.GetDashboard({ DashboardName: "d" })).DashboardBody), { widgets: [widget] });
  assert.deepEqual((await cloudwatch.ListDashboards()).DashboardEntries.map((entry) => entry.DashboardName), ["d"]);
  await cloudwatch.DeleteDashboards({ DashboardNames: ["d"] });
  await refused(cloudwatch.GetDashboard({ DashboardName: "d" }), "ResourceNotFound", 404);
  await refused(cloudwatch.PutDashboard({ DashboardName: "d", DashboardBody: "{" }), "DashboardInvalidInputError", 400);
});
