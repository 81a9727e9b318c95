"""CloudWatch Logs: groups, streams, retention, tags and limits with boto3. Events and filters: test_logs_and_cloudwatch.py."""
import time

import pytest
from conftest import ACCOUNT, error_code

GONE, EXISTS, INVALID = ("ResourceNotFoundException", 400), ("ResourceAlreadyExistsException", 400), ("InvalidParameterException", 400)


@pytest.fixture
def logs(hearth):
    return hearth.client("logs")


def arn(group):
    return f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}"


def test_groups_are_made_described_and_deleted(logs):
    logs.create_log_group(logGroupName="/train/a", tags={"team": "llm"})
    assert error_code(logs.create_log_group, logGroupName="/train/a") == EXISTS
    assert error_code(logs.create_log_group, logGroupName="not a name") == INVALID
    group = logs.describe_log_groups(logGroupNamePrefix="/train")["logGroups"][0]
    assert (group["logGroupName"], group["arn"], group["logGroupArn"]) == ("/train/a", arn("/train/a") + ":*", arn("/train/a"))
    assert abs(group["creationTime"] / 1000 - time.time()) < 60 and "retentionInDays" not in group
    assert [g["logGroupName"] for g in logs.describe_log_groups(logGroupNamePattern="rain")["logGroups"]] == ["/train/a"]
    logs.delete_log_group(logGroupName="/train/a")
    assert logs.describe_log_groups()["logGroups"] == []
    assert error_code(logs.delete_log_group, logGroupName="/train/a") == GONE


def test_lists_of_groups_and_streams_have_pages(logs):
    names = [f"/g{n}" for n in range(7)]
    for name in names:
        logs.create_log_group(logGroupName=name)
    pages = list(logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 3}))
    assert [g["logGroupName"] for p in pages for g in p["logGroups"]] == names and len(pages) == 3
    streams = [f"s{n}" for n in range(7)]
    for name in streams:
        logs.create_log_stream(logGroupName="/g0", logStreamName=name)
    pages = list(logs.get_paginator("describe_log_streams").paginate(logGroupName="/g0", PaginationConfig={"PageSize": 3}))
    assert [s["logStreamName"] for p in pages for s in p["logStreams"]] == streams and len(pages) == 3
    down = logs.describe_log_streams(logGroupName="/g0", descending=True, limit=2)["logStreams"]
    assert [s["logStreamName"] for s in down] == ["s6", "s5"]
    assert [s["logStreamName"] for s in logs.describe_log_streams(logGroupName="/g0", logStreamNamePrefix="s3")["logStreams"]] == ["s3"]
    assert error_code(logs.describe_log_streams, logGroupName="/g0", logStreamNamePrefix="s", orderBy="LastEventTime") == INVALID
    assert error_code(logs.describe_log_streams, logGroupName="/none") == GONE


def test_streams_are_found_by_their_last_event(logs):
    logs.create_log_group(logGroupName="/g")
    now = int(time.time() * 1000)
    for name, age in (("old", 2000), ("new", 0), ("middle", 1000)):
        logs.create_log_stream(logGroupName="/g", logStreamName=name)
        logs.put_log_events(logGroupName="/g", logStreamName=name, logEvents=[{"timestamp": now - age, "message": "m"}])
    newest_first = logs.describe_log_streams(logGroupName="/g", orderBy="LastEventTime", descending=True)["logStreams"]
    assert [s["logStreamName"] for s in newest_first] == ["new", "middle", "old"]


def test_a_deleted_stream_is_gone_with_its_events(logs):
    logs.create_log_group(logGroupName="/g")
    for message in ("old", "new"):
        logs.create_log_stream(logGroupName="/g", logStreamName="s")
        assert error_code(logs.create_log_stream, logGroupName="/g", logStreamName="s") == EXISTS
        assert logs.get_log_events(logGroupName="/g", logStreamName="s")["events"] == []
        logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1000), "message": message}])
        assert [e["message"] for e in logs.filter_log_events(logGroupName="/g")["events"]] == [message]
        logs.delete_log_stream(logGroupName="/g", logStreamName="s")
    for call in (logs.delete_log_stream, logs.get_log_events):
        assert error_code(call, logGroupName="/g", logStreamName="s") == GONE
    assert error_code(logs.create_log_stream, logGroupName="/g", logStreamName="a:b") == INVALID


def test_retention(logs):
    logs.create_log_group(logGroupName="/g")

    def days():
        return logs.describe_log_groups()["logGroups"][0].get("retentionInDays")

    logs.put_retention_policy(logGroupName="/g", retentionInDays=7)
    assert days() == 7
    assert error_code(logs.put_retention_policy, logGroupName="/g", retentionInDays=8) == INVALID
    logs.delete_retention_policy(logGroupName="/g")
    assert days() is None
    assert error_code(logs.put_retention_policy, logGroupName="/none", retentionInDays=7) == GONE
    assert error_code(logs.delete_retention_policy, logGroupName="/none") == GONE


def test_tags(logs):
    logs.create_log_group(logGroupName="/g", tags={"a": "1", "b": "2"})
    logs.tag_resource(resourceArn=arn("/g"), tags={"b": "changed", "c": "3"})
    logs.untag_resource(resourceArn=arn("/g"), tagKeys=["a", "never there"])
    assert logs.list_tags_for_resource(resourceArn=arn("/g"))["tags"] == {"b": "changed", "c": "3"}
    assert error_code(logs.tag_resource, resourceArn=arn("/g"), tags={f"k{n}": "" for n in range(50)}) == ("TooManyTagsException", 400)
    for call, arguments in ((logs.tag_resource, {"tags": {"a": "b"}}), (logs.untag_resource, {"tagKeys": ["a"]}), (logs.list_tags_for_resource, {})):
        assert error_code(call, resourceArn=arn("/none"), **arguments) == GONE


def test_a_group_is_named_once_and_in_ones_own_account(logs):
    logs.create_log_group(logGroupName="/g")
    assert logs.filter_log_events(logGroupIdentifier=arn("/g"))["events"] == []
    assert error_code(logs.filter_log_events, logGroupName="/g", logGroupIdentifier="/g") == INVALID
    assert error_code(logs.filter_log_events) == INVALID
    elsewhere = arn("/g").replace("us-east-1", "eu-west-1")
    assert error_code(logs.filter_log_events, logGroupIdentifier=elsewhere) == GONE
    assert error_code(logs.tag_resource, resourceArn=elsewhere, tags={"a": "b"}) == GONE
    assert logs.list_tags_for_resource(resourceArn=arn("/g"))["tags"] == {}


def test_batches_of_events_have_limits(logs):
    logs.create_log_group(logGroupName="/g")
    logs.create_log_stream(logGroupName="/g", logStreamName="s")
    now = int(time.time() * 1000)
    place = dict(logGroupName="/g", logStreamName="s")

    def put(*events):
        return logs.put_log_events(**place, logEvents=[{"timestamp": t, "message": m} for t, m in events])

    assert error_code(put, (now, "second"), (now - 1, "first")) == INVALID  # not in order
    assert error_code(put, (now - 25 * 3600 * 1000, "a day ago"), (now, "now")) == INVALID  # longer than 24 hours
    assert error_code(put, *[(now, "x")] * 10_001) == INVALID
    day = 24 * 3600 * 1000
    old = put((now - 15 * day, "older than two weeks"))["rejectedLogEventsInfo"]
    assert old["tooOldLogEventEndIndex"] == 1
    early = put((now, "taken"), (now + 3 * 3600 * 1000, "from the future"))["rejectedLogEventsInfo"]
    assert early["tooNewLogEventStartIndex"] == 1
    assert [e["message"] for e in logs.get_log_events(**place)["events"]] == ["taken"]
    assert error_code(logs.put_log_events, logGroupName="/g", logStreamName="none", logEvents=[{"timestamp": now, "message": "m"}]) == GONE
