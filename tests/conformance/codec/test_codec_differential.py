"""Our codecs against botocore's own, for every served operation in every protocol its service lists.

request:   random input -> botocore's serializer -> our decoder gives the same input
response:  random output -> our encoder -> botocore's parser gives the same output
ours:      our encoder -> our decoder, both messages
routing:   botocore's request is taken for the operation it is
Seeds are the operation's name, so a failure repeats.
"""
import base64
import io
import json
import pathlib
import re
from urllib.parse import quote, unquote, urlencode

import botocore.parsers
import botocore.serialize
import botocore.session
import pytest
from botocore.compat import HTTPHeaders

from codec_probe import ROOT, message, probe  # noqa: F401 (a fixture; there is one conftest.py, tests/conftest.py)
from random_values import Generator, canonical, difference

ROUNDS = 20
PROTOCOLS = ("rest-xml", "query", "ec2", "json", "rest-json", "smithy-rpc-v2-cbor")

# Members that are never set, with the reason.
LEFT_OUT_MEMBERS = {
    (shape, "Expires"): "the header is text in S3's own model, which models/s3.json restores; botocore makes a time of it"
    for shape in ("CopyObjectRequest", "CreateMultipartUploadRequest", "PutObjectRequest", "GetObjectOutput",
                  "HeadObjectOutput")
}

# Outputs that are not compared, with the reason.
LEFT_OUT_OUTPUTS = {
    ("s3", "GetBucketLocation"): "its root element is the value itself: botocore reads it in a handler of its own, outside its"
                                 " parser (handlers.parse_get_bucket_location), which tests/conformance/s3 shows; our own"
                                 " decode_response does not read it yet",
}

SESSION = botocore.session.get_session()
SERVED = {path.stem: sorted(json.loads(path.read_text())["operations"])
          for path in sorted(pathlib.Path(ROOT, "models").glob("*.json"))}
CASES = [(service, operation) for service, operations in SERVED.items() for operation in operations]


def model_of(service):
    return SESSION.get_service_model(service)


def protocols_of(service):
    metadata = model_of(service).metadata
    return [p for p in metadata.get("protocols", [metadata["protocol"]]) if p in PROTOCOLS]


def botocore_request(value, operation, protocol):
    serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
    request = serializer.serialize_to_request(value, operation)
    body = request["body"]
    if isinstance(body, dict):
        body = urlencode(body, doseq=True)
    if isinstance(body, str):
        body = body.encode()
    path, _, literals = request["url_path"].partition("?")
    fields = request["query_string"] or {}
    query = urlencode(fields, doseq=True, quote_via=quote)
    return message(request["headers"], body, method=request["method"], path=path,
                   query="&".join(filter(None, (literals, query))))


def labels_of(operation, path):
    pattern = operation.http["requestUri"].split("?")[0]
    pattern = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", pattern)
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
    match = re.fullmatch(pattern, path)
    return {name: unquote(value) for name, value in match.groupdict().items()} if match else {}


def botocore_response(response, operation, protocol):
    headers = HTTPHeaders()
    for name, value in response["headers"]:
        headers[name] = value
    body = base64.b64decode(response["body"])
    payload = operation.output_shape.serialization.get("payload")
    if operation.has_streaming_output:  # botocore's endpoint hands on a file then
        body = io.BytesIO(body)
    parser = botocore.parsers.create_parser(protocol)
    parsed = parser.parse({"body": body, "headers": headers, "status_code": response["status"], "context": {}},
                          operation.output_shape)
    if operation.has_streaming_output:
        parsed[payload] = parsed[payload].read()
    return {name: value for name, value in parsed.items() if name in operation.output_shape.members}


class Comparison:
    """Asks the probe and collects what is not as it should be."""

    def __init__(self, probe, service, operation, protocol):
        self.probe, self.operation, self.protocol = probe, operation, protocol
        self.names = {"service": service, "operation": operation.name, "protocol": protocol}
        self.failures = []

    def expect(self, what, want, answer):
        found = answer["error"] if "error" in answer else difference(want, answer["value"])
        if found:
            self.failures.append(f"{what} ({self.protocol}): {found}")

    def input(self, value):
        want = canonical(value, self.operation.input_shape)
        request = botocore_request(value, self.operation, self.protocol)
        self.expect("their request", want, self._decode(request))
        ours = self.probe.ask(do="encode_request", value=want, **self.names)
        self.expect("our request", want, ours if "error" in ours else self._decode(ours["request"]))

    def _decode(self, request):
        labels = labels_of(self.operation, request["path"])
        return self.probe.ask(do="decode_request", request=request, labels=labels, **self.names)

    def output(self, value):
        shape = self.operation.output_shape
        want = canonical(value, shape)
        for name, member in shape.members.items():
            if member.serialization.get("location") == "statusCode":
                want[name] = 200
        ours = self.probe.ask(do="encode_response", value=want, **self.names)
        if "error" in ours:
            self.failures.append(f"our response ({self.protocol}): {ours['error']}")
            return
        response = ours["response"]
        theirs = canonical(botocore_response(response, self.operation, self.protocol), shape)
        # botocore reports maps in headers and payloads that were not sent as empty ones.
        for name, member in shape.members.items():
            is_bound = member.serialization.get("location") == "headers" or shape.serialization.get("payload") == name
            if name not in want and is_bound:
                theirs.pop(name, None)
        self.expect("their view of our response", want, {"value": theirs})
        self.expect("our response", want, self.probe.ask(do="decode_response", response=response, **self.names))


@pytest.mark.parametrize("service, name", CASES, ids=lambda part: part)
def test_codecs_agree_with_botocore(probe, service, name):
    operation = model_of(service).operation_model(name)
    failures = []
    for protocol in protocols_of(service):
        comparison = Comparison(probe, service, operation, protocol)
        generator = Generator(f"{service}.{name}.{protocol}", LEFT_OUT_MEMBERS)
        for _ in range(ROUNDS):
            if operation.input_shape is not None:
                comparison.input(generator.value(operation.input_shape))
            has_output = operation.output_shape is not None and (service, name) not in LEFT_OUT_OUTPUTS
            if has_output and not operation.has_event_stream_output:  # events are frames: src/wire/event_stream_test.cpp
                comparison.output(generator.value(operation.output_shape))
        failures += comparison.failures
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("service, name", CASES, ids=lambda part: part)
def test_requests_are_routed_to_their_operation(probe, service, name):
    model = model_of(service)
    operation = model.operation_model(name)
    for protocol in protocols_of(service):
        generator = Generator(f"route.{service}.{name}.{protocol}", LEFT_OUT_MEMBERS)
        value = generator.value(operation.input_shape) if operation.input_shape is not None else {}
        for member in ("Bucket", "Key"):  # a bucket never holds a slash or a character that a host name cannot
            if service == "s3" and member in value:
                value[member] = {"Bucket": "photos", "Key": "a b/ü+%"}[member]
        request = botocore_request(value, operation, protocol)
        scope = f"AKID/20250101/us-east-1/{model.signing_name}/aws4_request"
        request["headers"] += [["Host", "127.0.0.1:4566"], ["Authorization", f"AWS4-HMAC-SHA256 Credential={scope}, "]]
        answer = probe.ask(do="route", request=request)
        assert (answer.get("service"), answer.get("operation"), answer.get("protocol"), answer.get("served")) == \
            (service, name, protocol, True), f"{request['method']} {request['path']}?{request['query']}: {answer}"
        expected_labels = labels_of(operation, request["path"])
        assert {k: answer["labels"].get(k) for k in expected_labels} == expected_labels
