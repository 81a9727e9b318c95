"""CloudWatch, Logs and SNS together, as a training run uses them, with boto3 and aws-cli."""
import json
import time
import urllib.request

import pytest
from conftest import error_code, wait_for
from conformance.subscriber import Subscriber


def test_events_come_back_in_order_and_by_pages(hearth):
    logs = hearth.client("logs")
    logs.create_log_group(logGroupName="/run")
    logs.create_log_stream(logGroupName="/run", logStreamName="a")
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName="/run", logStreamName="a", logEvents=[{"timestamp": now + i, "message": f"line {i}"} for i in range(25)])
    first = logs.get_log_events(logGroupName="/run", logStreamName="a", startFromHead=True, limit=10)
    assert [e["message"] for e in first["events"]] == [f"line {i}" for i in range(10)]
    second = logs.get_log_events(logGroupName="/run", logStreamName="a", nextToken=first["nextForwardToken"], limit=100)
    assert [e["message"] for e in second["events"]] == [f"line {i}" for i in range(10, 25)]
    end = logs.get_log_events(logGroupName="/run", logStreamName="a", nextToken=second["nextForwardToken"])
    assert end["events"] == [] and end["nextForwardToken"] == second["nextForwardToken"]
    latest = logs.get_log_events(logGroupName="/run", logStreamName="a", limit=3)
    assert [e["message"] for e in latest["events"]] == ["line 22", "line 23", "line 24"]
    stream = logs.describe_log_streams(logGroupName="/run")["logStreams"][0]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (now, now + 24)


def test_filters_find_what_they_say_over_streams_and_pages(hearth):
    logs = hearth.client("logs")
    logs.create_log_group(logGroupName="/filter")
    now = int(time.time() * 1000)
    for stream in ("a", "b"):
        logs.create_log_stream(logGroupName="/filter", logStreamName=stream)
        logs.put_log_events(logGroupName="/filter", logStreamName=stream, logEvents=[
            {"timestamp": now + i, "message": json.dumps({"step": i, "level": "ERROR" if i % 3 == 0 else "INFO"})} for i in range(9)])
    events, token = [], None
    while True:
        page = logs.filter_log_events(logGroupName="/filter", filterPattern='{ $.level = "ERROR" && $.step > 2 }', limit=1,
                                      **({"nextToken": token} if token else {}))
        events += page["events"]
        token = page.get("nextToken")
        if not token:
            break
    assert [(e["logStreamName"], json.loads(e["message"])["step"]) for e in events] == [("a", 3), ("b", 3), ("a", 6), ("b", 6)]
    assert error_code(logs.filter_log_events, logGroupName="/filter", filterPattern="{ $.a ") == ("InvalidParameterException", 400)


def test_a_recreated_group_is_empty(hearth):
    logs = hearth.client("logs")
    for message in ("old", "new"):
        logs.create_log_group(logGroupName="/again")
        logs.create_log_stream(logGroupName="/again", logStreamName="s")
        assert logs.get_log_events(logGroupName="/again", logStreamName="s")["events"] == []
        logs.put_log_events(logGroupName="/again", logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1000), "message": message}])
        logs.delete_log_group(logGroupName="/again")
    assert error_code(logs.describe_log_streams, logGroupName="/again") == ("ResourceNotFoundException", 400)


def test_groups_retention_tags_and_errors_with_the_aws_cli(hearth):
    hearth.aws("logs", "create-log-group", "--log-group-name", "/cli", "--tags", "team=llm")
    hearth.aws("logs", "put-retention-policy", "--log-group-name", "/cli", "--retention-in-days", "7")
    group = hearth.aws("logs", "describe-log-groups", "--log-group-name-prefix", "/c")["logGroups"][0]
    assert group["retentionInDays"] == 7
    assert hearth.aws("logs", "list-tags-for-resource", "--resource-arn", group["logGroupArn"])["tags"] == {"team": "llm"}
    logs = hearth.client("logs")
    assert error_code(logs.create_log_group, logGroupName="/cli") == ("ResourceAlreadyExistsException", 400)
    assert error_code(logs.put_retention_policy, logGroupName="/cli", retentionInDays=2) == ("InvalidParameterException", 400)
    assert error_code(logs.create_log_stream, logGroupName="/none", logStreamName="s") == ("ResourceNotFoundException", 400)


def test_embedded_metrics_become_metrics(hearth):
    logs, cloudwatch = hearth.client("logs"), hearth.client("cloudwatch")
    logs.create_log_group(logGroupName="/emf")
    logs.create_log_stream(logGroupName="/emf", logStreamName="s")
    now = int(time.time() * 1000)
    line = {"_aws": {"Timestamp": now, "CloudWatchMetrics": [{"Namespace": "Train", "Dimensions": [["Job"]], "Metrics": [{"Name": "Loss"}]}]},
            "Job": "j1", "Loss": [3.0, 1.0]}
    logs.put_log_events(logGroupName="/emf", logStreamName="s", logEvents=[{"timestamp": now, "message": json.dumps(line)}])
    answer = cloudwatch.get_metric_statistics(Namespace="Train", MetricName="Loss", Dimensions=[{"Name": "Job", "Value": "j1"}],
                                              StartTime=now / 1000 - 300, EndTime=now / 1000 + 300, Period=600, Statistics=["Average", "SampleCount"])
    assert [(p["Average"], p["SampleCount"]) for p in answer["Datapoints"]] == [(2.0, 2.0)]


@pytest.fixture
def subscriber():
    with Subscriber() as server:
        yield server


def test_an_alarm_reaches_a_subscriber(hearth, subscriber):
    sns, cloudwatch = hearth.client("sns"), hearth.client("cloudwatch")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    confirmation = wait_for(lambda: subscriber.of_type("SubscriptionConfirmation"))[0]
    sns.confirm_subscription(TopicArn=topic, Token=confirmation["Token"])
    cloudwatch.put_metric_alarm(AlarmName="hot", Namespace="Gpu", MetricName="Temperature", Statistic="Maximum", Period=10, EvaluationPeriods=1,
                                Threshold=80, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic])

    def alarmed():
        cloudwatch.put_metric_data(Namespace="Gpu", MetricData=[{"MetricName": "Temperature", "Value": 95.0}])
        return subscriber.of_type("Notification")

    note = wait_for(alarmed, 40)[0]
    assert json.loads(note["Message"])["AlarmName"] == "hot" and json.loads(note["Message"])["NewStateValue"] == "ALARM"
    assert cloudwatch.describe_alarms(AlarmNames=["hot"])["MetricAlarms"][0]["StateValue"] == "ALARM"


def test_metric_math_percentiles_and_dashboards(hearth):
    cloudwatch = hearth.client("cloudwatch")
    now = time.time() // 60 * 60
    cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "t", "Timestamp": now, "Value": float(v)} for v in range(1, 101)])
    answer = cloudwatch.get_metric_data(StartTime=now - 60, EndTime=now + 60, MetricDataQueries=[
        {"Id": "p", "MetricStat": {"Metric": {"Namespace": "N", "MetricName": "t"}, "Period": 60, "Stat": "p90"}},
        {"Id": "double", "Expression": "p * 2"}])
    values = {r["Id"]: r["Values"] for r in answer["MetricDataResults"]}
    assert values["p"][0] == pytest.approx(90, abs=1) and values["double"][0] == 2 * values["p"][0]
    body = json.dumps({"widgets": [{"type": "text", "x": 0, "y": 0, "width": 3, "height": 3, "properties": {"markdown": "hi"}}]})
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody=body)
    assert json.loads(cloudwatch.get_dashboard(DashboardName="d")["DashboardBody"])["widgets"]


def test_the_server_counts_what_it_answers(hearth):
    hearth.client("sts").get_caller_identity()
    text = urllib.request.urlopen(f"{hearth.url}/_hearth/metrics", timeout=5).read().decode()
    assert 'hearth_requests_total{service="sts",operation="GetCallerIdentity"}' in text


def test_the_server_reports_its_own_requests_as_metrics(hearth):
    sts, cloudwatch = hearth.client("sts"), hearth.client("cloudwatch")
    stranger = hearth.client("sts", access_key="AKIANOBODYNOBODYNOBO")
    for _ in range(3):
        sts.get_caller_identity()
    assert error_code(stranger.get_caller_identity)[1] == 403
    dimensions = [{"Name": "Service", "Value": "sts"}, {"Name": "Operation", "Value": "GetCallerIdentity"}]

    def value(name, stat):
        metric = {"Namespace": "Hearth", "MetricName": name, "Dimensions": dimensions}
        now = time.time()
        answer = cloudwatch.get_metric_data(StartTime=now - 600, EndTime=now + 60, MetricDataQueries=[
            {"Id": "m", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": stat}}])
        return sum(answer["MetricDataResults"][0]["Values"])

    wait_for(lambda: value("Requests", "Sum") == 4)
    assert value("4xxErrors", "Sum") == 1 and value("4xxErrors", "Average") == 0.25 and value("5xxErrors", "Sum") == 0
    assert 0 < value("Latency", "p50") <= value("Latency", "p99") < 10_000
    assert value("BytesIn", "Sum") > 100 and value("BytesOut", "Sum") > 400
    of_service = cloudwatch.list_metrics(Namespace="Hearth", MetricName="Requests", Dimensions=[{"Name": "Service", "Value": "sts"}])["Metrics"]
    assert sorted(len(metric["Dimensions"]) for metric in of_service) == [1, 2]


def test_requests_before_a_clean_stop_are_in_the_metrics_after_the_start(own_hearth):
    own_hearth.start()
    own_hearth.client("sns").create_topic(Name="t")
    own_hearth.stop()
    own_hearth.start()
    listed = own_hearth.client("cloudwatch").list_metrics(Namespace="Hearth", Dimensions=[{"Name": "Operation", "Value": "CreateTopic"}])["Metrics"]
    assert {"Requests", "Latency", "BytesIn", "BytesOut", "4xxErrors", "5xxErrors"} == {metric["MetricName"] for metric in listed}
