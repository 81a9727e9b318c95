"""CloudWatch, operation by operation, with boto3."""
import datetime
import json
import time

import pytest
from conftest import ACCOUNT, error_code, wait_for

VALUE, COMBINATION, VALIDATION, GONE = ("InvalidParameterValue", 400), ("InvalidParameterCombination", 400), ("ValidationError", 400), ("ResourceNotFound", 404)
ALARM = dict(AlarmName="hot", Namespace="Gpu", MetricName="Temperature", Statistic="Maximum", Period=60, EvaluationPeriods=1, Threshold=80.0,
             ComparisonOperator="GreaterThanThreshold")
# A state set by hand lasts until the next evaluation, which may come before the test looks; this alarm stays in it.
STEADY = dict(ALARM, TreatMissingData="ignore")


@pytest.fixture
def cloudwatch(hearth):
    return hearth.client("cloudwatch")


@pytest.fixture
def minute():
    """The start of the minute before this one, so that a test cannot straddle it."""
    return time.time() // 60 * 60 - 60


def put(cloudwatch, name, values, when, namespace="N", **more):
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": name, "Timestamp": when, "Value": float(v), **more} for v in values])


def query(name, stat="Average", period=60, namespace="N", id="m", **more):
    return {"Id": id, "MetricStat": {"Metric": {"Namespace": namespace, "MetricName": name}, "Period": period, "Stat": stat}, **more}


# Metrics

def test_statistics_of_a_period(cloudwatch, minute):
    put(cloudwatch, "t", [1, 2, 3, 10], minute, Unit="Seconds")
    put(cloudwatch, "t", [100], minute - 60, Unit="Seconds")
    window = dict(Namespace="N", MetricName="t", StartTime=minute - 60, EndTime=minute + 60, Period=60)
    answer = cloudwatch.get_metric_statistics(**window, Statistics=["Average", "Sum", "Minimum", "Maximum", "SampleCount"])
    points = {p["Timestamp"].timestamp(): p for p in answer["Datapoints"]}
    assert set(points) == {minute - 60, minute} and answer["Label"] == "t"
    point = points[minute]
    assert [point[s] for s in ("Average", "Sum", "Minimum", "Maximum", "SampleCount", "Unit")] == [4, 16, 1, 10, 4, "Seconds"]
    percentile = cloudwatch.get_metric_statistics(**window, ExtendedStatistics=["p50", "p100"])["Datapoints"]
    assert {p["Timestamp"].timestamp(): p["ExtendedStatistics"]["p100"] for p in percentile} == {minute - 60: 100, minute: 10}
    assert cloudwatch.get_metric_statistics(**window, Statistics=["Sum"], Unit="Bytes")["Datapoints"] == []
    cloudwatch.put_metric_data(Namespace="N", MetricData=[
        {"MetricName": "set", "Timestamp": minute, "StatisticValues": {"SampleCount": 4.0, "Sum": 8.0, "Minimum": 1.0, "Maximum": 3.0}}])
    of_set = dict(window, MetricName="set")
    assert cloudwatch.get_metric_statistics(**of_set, ExtendedStatistics=["p50"])["Datapoints"] == []  # its values are not known
    assert cloudwatch.get_metric_statistics(**of_set, Statistics=["Maximum"], ExtendedStatistics=["p50"])["Datapoints"][0]["Maximum"] == 3


def test_questions_about_statistics_that_make_no_sense(cloudwatch, minute):
    good = dict(Namespace="N", MetricName="t", StartTime=minute - 60, EndTime=minute, Period=60, Statistics=["Sum"])
    cloudwatch.get_metric_statistics(**good)
    assert error_code(cloudwatch.get_metric_statistics, **{**good, "StartTime": minute + 60}) == COMBINATION
    assert error_code(cloudwatch.get_metric_statistics, **{**good, "EndTime": minute - 60}) == VALUE
    assert error_code(cloudwatch.get_metric_statistics, **{**good, "Period": 61}) == VALUE
    assert error_code(cloudwatch.get_metric_statistics, **{**good, "StartTime": minute - 1441 * 60}) == COMBINATION  # more than 1440 points
    without = {k: v for k, v in good.items() if k != "Statistics"}
    assert error_code(cloudwatch.get_metric_statistics, **without)[1] == 400
    assert error_code(cloudwatch.get_metric_statistics, **without, ExtendedStatistics=["p101"]) == VALUE


def test_all_shapes_of_metric_data(cloudwatch, minute):
    cloudwatch.put_metric_data(Namespace="N", MetricData=[
        {"MetricName": "array", "Timestamp": minute, "Values": [1.0, 5.0], "Counts": [3.0, 1.0]},
        {"MetricName": "set", "Timestamp": minute, "StatisticValues": {"SampleCount": 4.0, "Sum": 8.0, "Minimum": 1.0, "Maximum": 3.0}},
        {"MetricName": "fine", "Timestamp": minute, "Value": 1.0, "StorageResolution": 1}])
    expected = {"array": [4, 8, 1, 5], "set": [4, 8, 1, 3], "fine": [1, 1, 1, 1]}
    for name, values in expected.items():
        point = cloudwatch.get_metric_statistics(Namespace="N", MetricName=name, StartTime=minute, EndTime=minute + 60, Period=60,
                                                 Statistics=["SampleCount", "Sum", "Minimum", "Maximum"])["Datapoints"][0]
        assert [point[s] for s in ("SampleCount", "Sum", "Minimum", "Maximum")] == values, name


@pytest.mark.parametrize("code,datum", [
    ("MissingParameter", {}), ("InvalidParameterCombination", {"Value": 1.0, "Values": [1.0]}),
    ("InvalidParameterValue", {"Values": [1.0, 2.0], "Counts": [1.0]}), ("InvalidParameterValue", {"Value": float("nan")}),
    ("InvalidParameterValue", {"Value": 1.0, "Unit": "Furlongs"}),
    ("InvalidParameterValue", {"Value": 1.0, "Timestamp": datetime.datetime(2001, 1, 1)}),
    ("InvalidParameterValue", {"Value": 1.0, "StorageResolution": 7}),
    ("InvalidParameterValue", {"Value": 1.0, "Dimensions": [{"Name": f"d{n}", "Value": "v"} for n in range(31)]})])
def test_metric_data_that_cannot_be(cloudwatch, code, datum):
    found = error_code(cloudwatch.put_metric_data, Namespace="N", MetricData=[{"MetricName": "bad", **datum}])
    assert found in ((code, 400), VALIDATION), found
    assert cloudwatch.list_metrics(Namespace="N")["Metrics"] == []


def test_namespaces_of_aws_are_its_own(cloudwatch):
    assert error_code(cloudwatch.put_metric_data, Namespace="AWS/EC2", MetricData=[{"MetricName": "m", "Value": 1.0}]) == VALUE
    assert error_code(cloudwatch.put_metric_data, Namespace="N", MetricData=[{"MetricName": "m", "Value": 1.0}] * 1001)[1] == 400


def test_lists_of_metrics_filter_and_have_pages(cloudwatch, minute):
    data = [{"MetricName": f"m{n % 2}", "Timestamp": minute, "Value": 1.0, "Dimensions": [{"Name": "Job", "Value": f"{n:03}"}]} for n in range(600)]
    cloudwatch.put_metric_data(Namespace="N", MetricData=data)
    pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace="N"))
    assert [len(p["Metrics"]) for p in pages] == [500, 100]
    assert len({m["Dimensions"][0]["Value"] for p in pages for m in p["Metrics"]}) == 600
    assert len(cloudwatch.list_metrics(Namespace="N", MetricName="m1")["Metrics"]) == 300
    one = cloudwatch.list_metrics(Namespace="N", Dimensions=[{"Name": "Job", "Value": "007"}])["Metrics"]
    assert one == [{"Namespace": "N", "MetricName": "m1", "Dimensions": [{"Name": "Job", "Value": "007"}]}]
    assert len(cloudwatch.list_metrics(Namespace="N", Dimensions=[{"Name": "Job"}])["Metrics"]) == 500
    assert cloudwatch.list_metrics(Namespace="Other")["Metrics"] == []
    assert error_code(cloudwatch.list_metrics, NextToken="no token of ours") == VALUE


def test_metric_math(cloudwatch, minute):
    for n in range(3):
        put(cloudwatch, "a", [n + 1], minute - 60 * n)
        put(cloudwatch, "b", [10], minute - 60 * n)
    answer = cloudwatch.get_metric_data(StartTime=minute - 120, EndTime=minute + 60, ScanBy="TimestampAscending", MetricDataQueries=[
        query("a", id="a", ReturnData=False), query("b", id="b", ReturnData=False),
        {"Id": "sum", "Expression": "a + b", "Label": "Sum"}, {"Id": "big", "Expression": "MAX([a, b])"}, {"Id": "rate", "Expression": "IF(a > 1, a, 0)"}])
    results = {r["Id"]: r for r in answer["MetricDataResults"]}
    assert set(results) == {"sum", "big", "rate"} and results["sum"]["Label"] == "Sum" and results["sum"]["StatusCode"] == "Complete"
    assert results["sum"]["Values"] == [13, 12, 11] and results["rate"]["Values"] == [3, 2, 0]
    assert [t.timestamp() for t in results["sum"]["Timestamps"]] == [minute - 120, minute - 60, minute]
    descending = cloudwatch.get_metric_data(StartTime=minute - 120, EndTime=minute + 60, MetricDataQueries=[query("a")])
    assert descending["MetricDataResults"][0]["Values"] == [1, 2, 3]


def test_labels_lists_and_the_clock_in_metric_math(cloudwatch, minute):
    for name, values in (("a", (1, 2)), ("b", (10, 30)), ("c", ())):
        for n, value in enumerate(values):
            put(cloudwatch, name, [value], minute - 60 * n)
    metrics = [query(name, id=name, ReturnData=False) for name in "abc"]

    def evaluate(expression, **more):
        answer = cloudwatch.get_metric_data(StartTime=minute - 60, EndTime=minute + 60, ScanBy="TimestampAscending",
                                            MetricDataQueries=[*metrics, {"Id": "e", "Expression": expression, **more}])
        return [(r["Label"], r["Values"]) for r in answer["MetricDataResults"]]

    assert evaluate("SORT(METRICS(), MAX, DESC)") == [("b", [30, 10]), ("a", [2, 1])]
    assert evaluate("SLICE(SORT(METRICS(), AVG, DESC), 0, 1)", Label="largest: ${LABEL} ${MAX}") == [("largest: b 30", [30, 10])]
    assert [label for label, _ in evaluate("REMOVE_EMPTY(METRICS())")] == ["a", "b"]
    assert evaluate("MINUTE(a)")[0][1] == [time.gmtime(minute - 60).tm_min, time.gmtime(minute).tm_min]
    labelled = query("a", Label="${PROP('MetricName')} ${PROP('Period')} [${MIN}..${MAX}]")
    answer = cloudwatch.get_metric_data(StartTime=minute - 60, EndTime=minute + 60, MetricDataQueries=[labelled])
    assert answer["MetricDataResults"][0]["Label"] == "a 60 [1..2]"


def test_every_query_has_its_own_period(cloudwatch, minute):
    hour = minute // 3600 * 3600 - 3600
    for offset in (0, 600, 1200):
        put(cloudwatch, "a", [1], hour + offset)
    answer = cloudwatch.get_metric_data(StartTime=hour + 601, EndTime=hour + 3600, MetricDataQueries=[
        query("a", "Sum", 60, id="m"), query("a", "Sum", 3600, id="h")])
    found = {r["Id"]: [(t.timestamp(), v) for t, v in zip(r["Timestamps"], r["Values"])] for r in answer["MetricDataResults"]}
    assert found == {"m": [(hour + 1200, 1), (hour + 600, 1)], "h": [(hour, 3)]}


def test_pages_of_metric_data(cloudwatch, minute):
    for n in range(10):
        put(cloudwatch, "a", [n], minute - 60 * n)
    pages = list(cloudwatch.get_paginator("get_metric_data").paginate(
        StartTime=minute - 600, EndTime=minute + 60, MaxDatapoints=4, MetricDataQueries=[query("a")]))
    assert len(pages) == 3
    assert [v for p in pages for r in p["MetricDataResults"] for v in r["Values"]] == list(range(10))


@pytest.mark.parametrize("queries", [
    [{"Id": "e", "Expression": "a +"}], [{"Id": "e", "Expression": "unknown + 1"}], [{"Id": "E", "Expression": "1 + 1"}], [query("a"), query("a")],
    [query("a", stat="Median")], [query("a", period=61)], [query("a", ReturnData=False)], [], [{"Id": "e", "Expression": "SEARCH('{N} m', 'Sum', 60)"}],
    [query("a", Label="${NOTHING}")], [query("a", Label="${MAX_TIME}")], [{"Id": "e", "Expression": "SELECT AVG(m) FROM N"}],
    [query("a", period=1), {"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(a, 2)"}]])
def test_queries_that_cannot_be(cloudwatch, minute, queries):
    assert error_code(cloudwatch.get_metric_data, StartTime=minute, EndTime=minute + 60, MetricDataQueries=queries) == VALIDATION


# Alarms

def test_an_alarm_is_described_as_it_was_put(cloudwatch):
    cloudwatch.put_metric_alarm(**ALARM, AlarmDescription="too hot", TreatMissingData="notBreaching", Dimensions=[{"Name": "Gpu", "Value": "0"}])
    alarm = cloudwatch.describe_alarms(AlarmNames=["hot"])["MetricAlarms"][0]
    assert {k: alarm[k] for k in ALARM} == ALARM
    assert (alarm["AlarmArn"], alarm["StateValue"], alarm["TreatMissingData"]) == (f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:hot", "INSUFFICIENT_DATA", "notBreaching")
    cloudwatch.put_metric_alarm(**{**ALARM, "Threshold": 90.0})
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    assert [(a["AlarmName"], a["Threshold"]) for a in alarms] == [("hot", 90.0)]
    for_metric = cloudwatch.describe_alarms_for_metric(Namespace="Gpu", MetricName="Temperature")["MetricAlarms"]
    assert [a["AlarmName"] for a in for_metric] == ["hot"]
    assert cloudwatch.describe_alarms_for_metric(Namespace="Gpu", MetricName="Other")["MetricAlarms"] == []


@pytest.mark.parametrize("wrong", [
    {"Period": 61}, {"Statistic": None}, {"ExtendedStatistic": "p90"}, {"Threshold": None}, {"ComparisonOperator": None}, {"Namespace": None}, {"EvaluationPeriods": None},
    {"DatapointsToAlarm": 2}, {"TreatMissingData": "guess"}, {"AlarmActions": ["nonsense"]}, {"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]},
    {"Metrics": [query("a")]}, {"Statistic": None, "ExtendedStatistic": "p101"}])
def test_alarms_that_cannot_be(cloudwatch, wrong):
    arguments = {k: v for k, v in {**ALARM, **wrong}.items() if v is not None}
    assert error_code(cloudwatch.put_metric_alarm, **arguments) == VALIDATION
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_alarms_have_pages_prefixes_and_states(cloudwatch):
    for n in range(7):
        cloudwatch.put_metric_alarm(**{**STEADY, "AlarmName": f"{'ab'[n % 2]}{n}"})
    pages = cloudwatch.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 3})
    assert sorted(a["AlarmName"] for p in pages for a in p["MetricAlarms"]) == ["a0", "a2", "a4", "a6", "b1", "b3", "b5"]
    assert [a["AlarmName"] for a in cloudwatch.describe_alarms(AlarmNamePrefix="b")["MetricAlarms"]] == ["b1", "b3", "b5"]
    cloudwatch.set_alarm_state(AlarmName="b3", StateValue="ALARM", StateReason="test")
    assert [a["AlarmName"] for a in cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]] == ["b3"]
    assert error_code(cloudwatch.describe_alarms, AlarmNames=["b3"], AlarmNamePrefix="b") == VALIDATION
    assert error_code(cloudwatch.describe_alarms, NextToken="no token of ours")[0] == "InvalidNextToken"


@pytest.mark.parametrize("expression", ["a + unknown", "AVG(a)", "METRICS()", "SEARCH('{N} m', 'Sum', 60)", "a +"])
def test_an_alarm_needs_one_time_series(cloudwatch, expression):
    arguments = dict(AlarmName="math", EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold")
    metrics = [query("a", id="a", ReturnData=False), query("b", id="b", ReturnData=False)]
    assert error_code(cloudwatch.put_metric_alarm, **arguments, Metrics=[*metrics, {"Id": "e", "Expression": expression}]) == VALIDATION
    cloudwatch.put_metric_alarm(**arguments, Metrics=[*metrics, {"Id": "e", "Expression": "a / b"}])


def test_what_happened_to_an_alarm(cloudwatch):
    cloudwatch.put_metric_alarm(**STEADY)
    for state in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName="hot", StateValue=state, StateReason="because", StateReasonData='{"a": 1}')
    alarm = cloudwatch.describe_alarms(AlarmNames=["hot"])["MetricAlarms"][0]
    assert (alarm["StateValue"], alarm["StateReason"], json.loads(alarm["StateReasonData"])) == ("OK", "because", {"a": 1})
    newest_first = cloudwatch.describe_alarm_history(AlarmName="hot", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert [json.loads(i["HistoryData"])["newState"]["stateValue"] for i in newest_first] == ["OK", "ALARM"]
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(AlarmName="hot", ScanBy="TimestampAscending", PaginationConfig={"PageSize": 1})
    assert [i["HistoryItemType"] for p in pages for i in p["AlarmHistoryItems"]] == ["ConfigurationUpdate", "StateUpdate", "StateUpdate"]
    assert error_code(cloudwatch.set_alarm_state, AlarmName="none", StateValue="OK", StateReason="r") == GONE
    assert error_code(cloudwatch.set_alarm_state, AlarmName="hot", StateValue="OK", StateReason="r", StateReasonData="{")[0] == "InvalidFormat"
    assert error_code(cloudwatch.set_alarm_state, AlarmName="hot", StateValue="FINE", StateReason="r") == VALIDATION


def test_an_alarm_follows_its_metric(cloudwatch):
    cloudwatch.put_metric_alarm(**{**ALARM, "Period": 10, "TreatMissingData": "missing"})

    def state_is(state, value):
        cloudwatch.put_metric_data(Namespace="Gpu", MetricData=[{"MetricName": "Temperature", "Value": value}])
        return cloudwatch.describe_alarms(AlarmNames=["hot"])["MetricAlarms"][0]["StateValue"] == state

    wait_for(lambda: state_is("ALARM", 95.0), 40)


def test_actions_are_switched_off_and_on(cloudwatch):
    cloudwatch.put_metric_alarm(**ALARM)
    cloudwatch.disable_alarm_actions(AlarmNames=["hot"])
    assert cloudwatch.describe_alarms()["MetricAlarms"][0]["ActionsEnabled"] is False
    cloudwatch.enable_alarm_actions(AlarmNames=["hot"])
    assert cloudwatch.describe_alarms()["MetricAlarms"][0]["ActionsEnabled"] is True


def test_alarms_are_deleted(cloudwatch):
    cloudwatch.put_metric_alarm(**ALARM)
    assert error_code(cloudwatch.delete_alarms, AlarmNames=["hot", "none"]) == GONE
    assert cloudwatch.describe_alarms()["MetricAlarms"]  # all or nothing
    cloudwatch.delete_alarms(AlarmNames=["hot"])
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_tags_of_alarms(cloudwatch):
    cloudwatch.put_metric_alarm(**ALARM, Tags=[{"Key": "a", "Value": "1"}])
    arn = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    for call, arguments in ((cloudwatch.tag_resource, {"Tags": [{"Key": "a", "Value": "b"}]}), (cloudwatch.untag_resource, {"TagKeys": ["a"]}), (cloudwatch.list_tags_for_resource, {})):
        assert error_code(call, ResourceARN=arn + "-none", **arguments) == ("ResourceNotFoundException", 404)


# Dashboards

def body(*widgets):
    return json.dumps({"widgets": list(widgets)})


TEXT = {"type": "text", "x": 0, "y": 0, "width": 3, "height": 3, "properties": {"markdown": "hi"}}


def test_dashboards_are_kept_listed_and_deleted(cloudwatch):
    for name in ("gpu", "loss"):
        assert cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body(TEXT)).get("DashboardValidationMessages", []) == []
    found = cloudwatch.get_dashboard(DashboardName="gpu")
    assert json.loads(found["DashboardBody"]) == {"widgets": [TEXT]} and found["DashboardArn"] == f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/gpu"
    entries = cloudwatch.list_dashboards()["DashboardEntries"]
    assert [(e["DashboardName"], e["Size"]) for e in entries] == [("gpu", len(body(TEXT))), ("loss", len(body(TEXT)))]
    assert [e["DashboardName"] for e in cloudwatch.list_dashboards(DashboardNamePrefix="l")["DashboardEntries"]] == ["loss"]
    assert error_code(cloudwatch.delete_dashboards, DashboardNames=["gpu", "none"]) == GONE
    cloudwatch.delete_dashboards(DashboardNames=["gpu", "loss"])
    assert error_code(cloudwatch.get_dashboard, DashboardName="gpu") == GONE
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []


def graph(metrics):
    return {"type": "metric", "properties": {"metrics": metrics, "region": "us-east-1", "stat": "Average", "period": 60}}


def test_graphs_of_metrics_and_expressions(cloudwatch):
    rows = [["N", "m"], ["N", "m", "Job", "j", {"stat": "Maximum"}], [{"expression": "SEARCH('{N} m', 'Sum')", "id": "e1"}], ["...", "other"]]
    assert cloudwatch.put_dashboard(DashboardName="d", DashboardBody=body(graph(rows))).get("DashboardValidationMessages", []) == []
    odd = json.dumps({"widgets": [], "colour": "red"})
    assert cloudwatch.put_dashboard(DashboardName="d", DashboardBody=odd)["DashboardValidationMessages"] == [{"DataPath": "/colour", "Message": "Unknown property"}]


@pytest.mark.parametrize("broken", ["{", "[]", body({"type": "text"}), body({**TEXT, "type": "hologram"}), body({**TEXT, "width": 25}),
                                    body(graph("m")), body(graph([["N"]])), body(graph([["N", 7]])), body(graph(["N", "m"]))])
def test_dashboards_that_cannot_be(cloudwatch, broken):
    assert error_code(cloudwatch.put_dashboard, DashboardName="d", DashboardBody=broken) == ("InvalidParameterInput", 400)
    assert error_code(cloudwatch.put_dashboard, DashboardName="not a name", DashboardBody=body(TEXT))[1] == 400
