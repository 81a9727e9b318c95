"""Malformed input of every protocol, signed well: a 4xx in the service's own form with a message and a request id, never a 5xx,
and a server that goes on.

HEARTH_MALFORMED_ROUNDS sets how many random changes are tried per protocol (default 150)."""
import gzip
import json
import os
import random
import socket
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree

import botocore.handlers
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from conftest import ACCESS_KEY, SECRET_KEY

ROUNDS = int(os.environ.get("HEARTH_MALFORMED_ROUNDS", "150"))
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
XML = {"Content-Type": "application/xml"}
GRANITE = "GraniteServiceVersion20100801"


def target(name, version="1.1"):
    return {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": name}


# protocol: service, path, headers, a body that is well formed.
CALLS = {
    "rest-xml": ("s3", "/malformed?delete=", XML, b"<Delete><Object><Key>k</Key></Object><Quiet>true</Quiet></Delete>"),
    "query": ("iam", "/", FORM, b"Action=CreateUser&Version=2010-05-08&UserName=u&Tags.member.1.Key=k&Tags.member.1.Value=v"),
    "ec2-query": ("ec2", "/", FORM, b"Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=tag%3Aa&Filter.1.Value.1=b&MaxResults=5"),
    "json-1.1": ("logs", "/", target("Logs_20140328.DescribeLogGroups"), b'{"limit": 5, "logGroupNamePrefix": "p", "accountIdentifiers": ["000000000000"]}'),
    "json-1.0": ("monitoring", "/", target(f"{GRANITE}.ListMetrics", "1.0"), b'{"Namespace": "N", "Dimensions": [{"Name": "a", "Value": "b"}]}'),
    "rpc-v2-cbor": ("monitoring", f"/service/{GRANITE}/operation/ListMetrics", {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"},
                    b"\xbf\x69Namespace\x61N\x6aDimensions\x81\xbf\x64Name\x61a\x65Value\x61b\xff\xff"),
    "rest-json": ("sagemaker", "/endpoints/none/invocations", {"Content-Type": "application/json", "X-Amzn-SageMaker-Target-Variant": "v"}, b"{}"),
}

BROKEN = {
    "rest-xml": [b"", b"<", b"<Delete>", b"<Delete></Deleted>", b"<Other/>", b"<Delete><Object></Object></Delete>", b"<Delete>&unknown;</Delete>",
                 b"<a>" * 10_000, b"\xff\xfe<Delete/>", b"{}",
                 b"<Delete><Object><Key>k</Key></Object><Quiet>perhaps</Quiet></Delete>"],
    "query": [b"", b"Action=", b"Action=NoSuchAction&Version=2010-05-08", b"Action=CreateUser&Version=2010-05-08", b"Action=CreateUser&Version=2010-05-08&UserName=%zz",
              b"Action=CreateUser&Version=2010-05-08&UserName=%ff%fe", b"Action=CreateUser&Version=2010-05-08&UserName=u&Tags.member.1.Key=k",
              b"Action=CreateUser&Version=2010-05-08&UserName=u&Tags.member.99999999999999999999.Key=k",
              b"Action=CreateUser&Version=2010-05-08&UserName=u&Tags.member.-1.Key=k&Tags.member.x.Key=k",
              b"Action=ListUsers&Version=2010-05-08&MaxItems=many", b"Action=ListUsers&Version=2010-05-08&MaxItems=99999999999999999999", b"\x00\x01\x02"],
    "ec2-query": [b"Action=", b"Action=NoSuchAction&Version=2016-11-15", b"Action=DescribeInstances&Version=2016-11-15&MaxResults=many",
                  b"Action=DescribeInstances&Version=2016-11-15&DryRun=perhaps"],
    "json-1.1": [b"{", b"[]", b'"text"', b"null x", b'{"limit": "x"}', b'{"limit": 1e99}', b'{"limit": 1.5}', b'{"limit": true}', b"[" * 100_000, b'{"a":' * 100_000,
                 b'{"logGroupNamePrefix": "\xff"}', b'{"logGroupNamePrefix": "\\ud800"}', b'{"logGroupNamePrefix": 7}', b'{"logGroupNamePrefix": {"a": 1}}',
                 b'{"accountIdentifiers": "x"}', b'{"accountIdentifiers": [[]]}', b'{"limit": 5} {"limit": 5}', b"\x00"],
    "json-1.0": [b"{", b"[]", b'{"Dimensions": {}}', b'{"Dimensions": [1]}', b'{"Dimensions": [{"Name": ["a"]}]}', b"[" * 100_000],
    "rpc-v2-cbor": [b"\xff", b"\xbf", b"\x80", b"\x9f" * 100_000, b"\x81" * 100_000, b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
                    b"\xbf\x69Namespace\x07\xff", b"\xbf\x69Namespace\x62\xff\xff\xff", b"\xbf\x6aDimensions\x9b\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
                    b"\xbf\x6aDimensions\x61x\xff", b"\x1c", b"\xdf"],
    "rest-json": [],  # its bodies are the model's own; what surrounds them is changed at random below
}


def send(hearth, protocol, body, headers=None):
    """Signs and sends; (status, body, headers) of the answer."""
    service, path, usual_headers, _ = CALLS[protocol]
    request = AWSRequest("POST", hearth.url + path, data=body, headers=usual_headers if headers is None else headers)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Credentials(ACCESS_KEY, SECRET_KEY), service, "us-east-1").add_auth(request)
    raw = urllib.request.Request(request.url, body, dict(request.headers.items()), method="POST")
    try:
        with urllib.request.urlopen(raw, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(), refused.headers


def assert_error_form(protocol, status, body, headers):
    """The error has the form this protocol's clients read: a code, a message, a request id."""
    assert 400 <= status < 500 or status == 501, (status, body)
    if protocol in ("rest-xml", "query", "ec2-query"):
        root = ElementTree.fromstring(body)
        texts = {element.tag.split("}")[-1]: element.text for element in root.iter()}
        assert texts.get("Code") and texts.get("Message"), body
        assert texts.get("RequestId") or texts.get("RequestID"), body
    elif protocol == "rpc-v2-cbor":
        assert headers["Content-Type"] == "application/cbor" and b"__type" in body and b"essage" in body, body
        assert headers["x-amzn-RequestId"]
    else:
        error = json.loads(body)
        assert (error.get("__type") or headers["x-amzn-ErrorType"]) and (error.get("message") or error.get("Message")), body
        assert headers["x-amzn-RequestId"]


@pytest.fixture
def target_server(hearth):
    hearth.client("s3").create_bucket(Bucket="malformed")
    yield hearth
    assert hearth.client("sts").get_caller_identity()["Account"]  # the server lives


@pytest.mark.parametrize("protocol", CALLS)
def test_the_control_is_taken(target_server, protocol):
    status, body, _ = send(target_server, protocol, CALLS[protocol][3])
    assert status == 200 or (protocol in ("ec2-query", "rest-json") and status in (400, 501)), body


@pytest.mark.parametrize("protocol", CALLS)
def test_broken_bodies(target_server, protocol):
    for body in BROKEN[protocol]:
        try:
            assert_error_form(protocol, *send(target_server, protocol, body))
        except Exception as error:
            raise AssertionError(f"{protocol} {body[:100]!r}: {error}") from error


@pytest.mark.parametrize("protocol", CALLS)
def test_bodies_changed_at_random(target_server, protocol):
    """Whatever comes of it, it is no server error; what is refused is refused in form."""
    chance = random.Random(11)
    for _ in range(ROUNDS):
        body = bytearray(CALLS[protocol][3])
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(body) + 1)
            kind = chance.randrange(4)
            if kind == 0 and body:
                body[at - 1] = chance.randrange(256)
            elif kind == 1:
                body[at:at] = chance.randbytes(chance.randint(1, 3))
            elif kind == 2:
                del body[at:at + chance.randint(1, 6)]
            else:
                body[at:at] = body[: chance.randrange(len(body) + 1)]
        status, answer, headers = send(target_server, protocol, bytes(body))
        if status != 200:
            try:
                assert_error_form(protocol, status, answer, headers)
            except Exception as error:
                raise AssertionError(f"{protocol} {bytes(body)!r}: {status} {answer[:300]!r}") from error


@pytest.mark.parametrize("protocol", ["json-1.1", "json-1.0", "rpc-v2-cbor"])
def test_unknown_operations(target_server, protocol):
    service, path, headers, body = CALLS[protocol]
    changed = {name: value.replace("DescribeLogGroups", "MakeTea").replace("ListMetrics", "MakeTea") for name, value in headers.items()}
    original = CALLS[protocol]
    CALLS[protocol] = (service, path.replace("ListMetrics", "MakeTea"), changed, body)
    try:
        status, answer, answer_headers = send(target_server, protocol, body)
    finally:
        CALLS[protocol] = original
    assert status in (400, 404) and answer_headers["x-amzn-RequestId"], answer


# What breaks a rule of the model: missing, too short, too long, out of range, against its pattern, not of its enumeration.
# (service, method, arguments, the service's own code, a word of the message)
VIOLATIONS = [
    ("s3", "create_bucket", {"Bucket": "Not_A_Bucket"}, "InvalidBucketName", "bucket"),
    ("s3", "list_objects_v2", {"Bucket": "malformed", "MaxKeys": -1}, "InvalidArgument", "max-keys"),
    ("s3", "put_bucket_versioning", {"Bucket": "malformed", "VersioningConfiguration": {"Status": "Perhaps"}}, "IllegalVersioningConfigurationException", "ersioning"),
    ("s3", "upload_part", {"Bucket": "malformed", "Key": "k", "UploadId": "u", "PartNumber": 0, "Body": b""}, "InvalidArgument", "Part number"),
    ("iam", "create_user", {}, "ValidationError", "userName"),
    ("iam", "create_user", {"UserName": "a b"}, "ValidationError", "userName"),
    ("iam", "create_user", {"UserName": "x" * 65}, "ValidationError", "userName"),
    ("iam", "list_users", {"MaxItems": 1001}, "ValidationError", "maxItems"),
    ("iam", "update_access_key", {"AccessKeyId": "AKIAABCDEFGHIJKLMNOP", "Status": "Perhaps"}, "ValidationError", "status"),
    ("sts", "assume_role", {"RoleArn": "short", "RoleSessionName": "s"}, "ValidationError", "role"),
    ("sts", "get_access_key_info", {}, "ValidationError", "accessKeyId"),
    ("sns", "create_topic", {"Name": "not a name"}, "InvalidParameter", "Name"),
    ("sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:000000000000:t"}, "InvalidParameter", "essage"),
    ("cloudwatch", "put_metric_alarm", {"MetricName": "m", "Namespace": "n"}, "ValidationError", "alarmName"),
    ("cloudwatch", "get_metric_statistics", {"Namespace": "n", "MetricName": "m", "StartTime": 0, "EndTime": 60, "Period": 0}, "ValidationError", "eriod"),
    ("cloudwatch", "set_alarm_state", {"AlarmName": "a", "StateValue": "PERHAPS", "StateReason": "r"}, "ValidationError", "tate"),
    ("logs", "create_log_group", {"logGroupName": "not a name"}, "InvalidParameterException", "logGroupName"),
    ("logs", "create_log_group", {}, "InvalidParameterException", "logGroupName"),
    ("logs", "describe_log_groups", {"limit": 51}, "InvalidParameterException", "limit"),
    ("ec2", "run_instances", {"ImageId": "ami-0123456789abcdef0", "MinCount": 0, "MaxCount": 1}, "InvalidParameterValue", "inCount"),
    ("ec2", "terminate_instances", {}, "MissingParameter", "InstanceId"),
    ("ec2", "terminate_instances", {"InstanceIds": ["i-not-hex"]}, "InvalidInstanceID.Malformed", "i-not-hex"),
    ("sagemaker", "create_model", {"ModelName": "_"}, "ValidationException", "odel"),
    ("sagemaker", "describe_endpoint", {}, "ValidationException", "ndpointName"),
    ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "_", "Body": b"{}"}, "ValidationError", "ndpoint"),
]


@pytest.mark.parametrize("service, method, arguments, code, word", VIOLATIONS, ids=[f"{v[0]}-{v[1]}-{i}" for i, v in enumerate(VIOLATIONS)])
def test_what_breaks_a_rule_of_the_model_gets_the_services_own_error(target_server, service, method, arguments, code, word):
    client = target_server.client(service, parameter_validation=False)
    if service == "s3":  # boto3 looks at names of buckets by itself
        client.meta.events.unregister("before-parameter-build.s3", botocore.handlers.validate_bucket_name)
    with pytest.raises(ClientError) as refused:
        getattr(client, method)(**arguments)
    answer = refused.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, 400), answer
    assert word in answer["Error"]["Message"] and answer["ResponseMetadata"]["RequestId"], answer


# Below HTTP's own rules nothing can be signed: the connection gets a 4xx or is closed.

CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
REQUESTS = {
    "no request": b"\r\n\r\n",
    "garbage": bytes(range(256)) * 4 + b"\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "another version": b"GET / HTTP/7.0\r\nHost: a\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost a\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "a NUL in a header": b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "a length that is no number": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ten\r\n\r\n",
    "a length beyond 64 bits": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk size that is no number": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
    "a header of a megabyte": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n",
    "ten thousand headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
    "a target of a megabyte": b"GET /" + b"x" * (1 << 20) + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "a broken percent": b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    "another transfer encoding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "chunks and length, the other way round": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "a chunk size of 20 digits": CHUNKED + b"fffffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "a negative chunk size": CHUNKED + b"-1\r\nx\r\n0\r\n\r\n",
    "a chunk longer than its size": CHUNKED + b"1\r\nabc\r\n0\r\n\r\n",
    "a chunk shorter than its size": CHUNKED + b"9\r\nabc\r\n0\r\n\r\n",
    "a chunk without its last line": CHUNKED + b"3\r\nabc0\r\n\r\n",
    "chunks without an end": CHUNKED + b"3\r\nabc\r\n",
    "a trailer without an end": CHUNKED + b"0\r\nX: " + b"x" * (1 << 20),
    "a chunk extension of a megabyte": CHUNKED + b"3;" + b"x" * (1 << 20) + b"\r\nabc\r\n0\r\n\r\n",
    "a body that never comes": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9000000000000000000\r\n\r\nx",
}


def exchange(server, request, timeout=10):
    """What came back until the server closed. A server that lets the connection hang fails the test."""
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout) as stream:
        try:
            stream.sendall(request)
            stream.shutdown(socket.SHUT_WR)
            while piece := stream.recv(65536):
                answer += piece
        except TimeoutError as hang:
            raise AssertionError(f"neither answered nor closed; so far: {answer[:200]!r}") from hang
        except OSError:
            pass  # closed before it had read everything: that is an answer too
    return answer


@pytest.mark.parametrize("name", REQUESTS)
def test_broken_http(target_server, name):
    answer = exchange(target_server, REQUESTS[name])
    assert not answer or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 505")), answer[:200]


# Bodies that are more than they look like, in requests that are signed well.

def signed_head(hearth, protocol, headers, method="POST", path=None, body_hash=None):
    """The head of a signed request of this protocol, with all that the caller wants to say about its body."""
    service, usual_path, usual_headers, _ = CALLS[protocol]
    request = AWSRequest(method, hearth.url + (path or usual_path), headers={**usual_headers, **headers})
    stated = body_hash or "UNSIGNED-PAYLOAD"
    request.headers["X-Amz-Content-SHA256"] = stated

    class Auth(S3SigV4Auth if service == "s3" else SigV4Auth):
        def payload(self, _):
            return stated

    Auth(Credentials(ACCESS_KEY, SECRET_KEY), service, "us-east-1").add_auth(request)
    lines = [f"{method} {path or usual_path} HTTP/1.1", f"Host: 127.0.0.1:{hearth.port}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "host"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def status_of(answer):
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer[9:12])


@pytest.mark.parametrize("protocol", ["json-1.1", "query", "rpc-v2-cbor"])
def test_a_gzip_bomb_is_refused(target_server, protocol):
    bomb = gzip.compress(b" " * (256 << 20), 9)
    assert len(bomb) < 1 << 20
    headers = {**CALLS[protocol][2], "Content-Encoding": "gzip"}
    status, answer, answer_headers = send(target_server, protocol, bomb, headers)
    assert_error_form(protocol, status, answer, answer_headers)


@pytest.mark.parametrize("protocol", ["json-1.1", "query", "ec2-query", "rpc-v2-cbor"])
def test_a_zipped_body_is_read(target_server, protocol):
    headers = {**CALLS[protocol][2], "Content-Encoding": "gzip"}
    assert send(target_server, protocol, gzip.compress(CALLS[protocol][3]), headers)[0] == 200


@pytest.mark.parametrize("cut", [1, 10, -1, -8])
def test_broken_gzip_is_refused(target_server, cut):
    whole = gzip.compress(CALLS["json-1.1"][3])
    headers = {**CALLS["json-1.1"][2], "Content-Encoding": "gzip"}
    assert send(target_server, "json-1.1", whole, headers)[0] == 200
    assert_error_form("json-1.1", *send(target_server, "json-1.1", whole[:cut], headers))


@pytest.mark.parametrize("protocol", ["json-1.1", "query", "rpc-v2-cbor", "rest-xml"])
def test_a_declared_body_beyond_all_bounds_is_refused(target_server, protocol):
    """Said to be huge, and then many megabytes come: the answer is there before all of it, and is not lost to a reset."""
    head = signed_head(target_server, protocol, {"Content-Length": str(1 << 60)})
    answer = exchange(target_server, head + b"x" * (48 << 20), timeout=30)
    assert 400 <= status_of(answer) < 500, answer[:300]


AWS_CHUNKS = {
    "a size that is no number": b"xyz;chunk-signature=0\r\n",
    "a size beyond 64 bits": b"fffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "more than was declared": b"4\r\nabcd\r\n0\r\n\r\n",
    "less than was declared": b"2\r\nab\r\n0\r\n\r\n",
    "no end": b"3\r\nabc\r\n",
    "no line break after a chunk": b"3\r\nabc0\r\n\r\n",
    "no line break at all": b"3" * 200_000,
    "a trailer nobody announced": b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n",
    "an endless trailer": b"3\r\nabc\r\n0\r\n" + b"x-amz-meta-a: b\r\n" * 20_000,
    "nothing": b"",
}


# Announced, the last one is a trailer like any other, and the checksum tests' business.
@pytest.mark.parametrize("name, trailer", [(name, trailer) for name in AWS_CHUNKS for trailer in (None, "x-amz-checksum-crc32")
                                           if not (trailer and name == "a trailer nobody announced")])
def test_broken_aws_chunks_are_refused(target_server, name, trailer):
    body = AWS_CHUNKS[name]
    headers = {"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": "3", "Content-Length": str(len(body))}
    if trailer:
        headers["X-Amz-Trailer"] = trailer
    head = signed_head(target_server, "rest-xml", headers, "PUT", "/malformed/k", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    answer = exchange(target_server, head + body)
    status = status_of(answer)
    assert 400 <= status < 500 and b"<Code>" in answer and b"<Message>" in answer, answer[:600]
    assert "Contents" not in target_server.client("s3").list_objects_v2(Bucket="malformed")
