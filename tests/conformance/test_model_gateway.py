"""A model served by an endpoint on a real machine, called with boto3 and with OpenAI's own wire form.

Needs instances. Where this host cannot have them the whole file is skipped and says what RunInstances said."""
import base64
import itertools
import json
import threading
import time
import urllib.error
import urllib.request
from http.client import HTTPException

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from conftest import ACCESS_KEY, SECRET_KEY, document, wait_for
from conformance.model_endpoint import served_model  # noqa: F401  a fixture

PROMPT = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 8, "temperature": 0}
GROUP = "/aws/sagemaker/Endpoints/tiny"


def bearer_key(access_key=ACCESS_KEY, secret_key=SECRET_KEY):
    """As AWS's own token generators make one."""
    request = AWSRequest("POST", "https://bedrock.amazonaws.com/", headers={"host": "bedrock.amazonaws.com"},
                         params={"Action": "CallWithBearerToken"})
    SigV4QueryAuth(Credentials(access_key, secret_key), "bedrock", "us-east-1", expires=43200).add_auth(request)
    return "bedrock-api-key-" + base64.b64encode((request.url.removeprefix("https://") + "&Version=1").encode()).decode()


def http(server, path, body=None, key=None):
    request = urllib.request.Request(server.url + path, data=json.dumps(body).encode() if body else None,
                                     headers={"Content-Type": "application/json", "Authorization": f"Bearer {key or bearer_key()}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def events(text):
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ") and line != "data: [DONE]"]


def test_invoke_endpoint(served_model):
    answer = served_model.client("sagemaker-runtime").invoke_endpoint(EndpointName="tiny", ContentType="application/json", Body=json.dumps(PROMPT))
    body = json.loads(answer["Body"].read())
    assert body["choices"][0]["message"]["content"]
    assert body["usage"]["completion_tokens"] > 0
    assert answer["InvokedProductionVariant"] == "all"


def test_invoke_endpoint_with_response_stream(served_model):
    runtime = served_model.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint_with_response_stream(EndpointName="tiny", ContentType="application/json",
                                                          Body=json.dumps({**PROMPT, "stream": True}))
    assert answer["ContentType"].startswith("text/event-stream")
    parts = [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
    assert len(parts) > 1, "it came in pieces"
    assert events(b"".join(parts).decode())


def test_a_request_that_the_model_refuses_is_a_model_error(served_model):
    with pytest.raises(ClientError) as caught:
        served_model.client("sagemaker-runtime").invoke_endpoint(EndpointName="tiny", ContentType="application/json", Body=b"not json")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert caught.value.response["OriginalStatusCode"] == 400


def test_chat_completions_with_a_bearer_key(served_model):
    status, text = http(served_model, "/v1/chat/completions", {**PROMPT, "model": "tiny"})
    assert status == 200, text
    assert json.loads(text)["model"] == "tiny"
    status, text = http(served_model, "/v1/chat/completions", {**PROMPT, "model": "tiny", "stream": True})
    assert status == 200 and text.rstrip().endswith("data: [DONE]"), text
    assert all(event["choices"] for event in events(text)), "nobody asked for the usage event"


def test_the_same_with_sigv4(served_model):
    # Greedy: what random weights say by chance may be no text at all.
    body = json.dumps({"model": "tiny", "prompt": "hello", "max_tokens": 4, "temperature": 0})
    request = AWSRequest("POST", served_model.url + "/v1/completions", data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "sagemaker", "us-east-1").add_auth(request)
    with urllib.request.urlopen(urllib.request.Request(request.url, body.encode(), dict(request.headers.items())), timeout=60) as answer:
        assert json.loads(answer.read())["choices"][0]["text"]


def test_models_are_listed(served_model):
    status, text = http(served_model, "/v1/models")
    assert status == 200 and [model["id"] for model in json.loads(text)["data"]] == ["tiny"]
    assert http(served_model, "/v1/models/none")[0] == 404


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/responses", "/v1/chat", "/v1"])
def test_what_is_not_served_is_refused_in_openais_form(served_model, path):
    status, text = http(served_model, path, {"model": "tiny", "input": "hello"})
    assert status == 404 and json.loads(text)["error"]["code"] == "unknown_url", text


def test_without_the_right_there_is_no_answer(served_model):
    iam = served_model.client("iam")
    iam.create_user(UserName="dev")
    made = iam.create_access_key(UserName="dev")["AccessKey"]
    allow = document({"Effect": "Allow", "Action": "bedrock:CallWithBearerToken", "Resource": "*"})
    iam.put_user_policy(UserName="dev", PolicyName="key", PolicyDocument=allow)
    key = bearer_key(made["AccessKeyId"], made["SecretAccessKey"])
    status, text = http(served_model, "/v1/chat/completions", {**PROMPT, "model": "tiny"}, key)
    assert status == 403 and "sagemaker:InvokeEndpoint" in json.loads(text)["error"]["message"]
    assert json.loads(http(served_model, "/v1/models", key=key)[1])["data"] == []
    runtime = served_model.client("sagemaker-runtime", made["AccessKeyId"], made["SecretAccessKey"])
    with pytest.raises(ClientError, match="AccessDenied"):
        runtime.invoke_endpoint(EndpointName="tiny", Body=b"{}")


def test_every_call_is_kept_in_logs_and_s3_and_counted(served_model):
    marker = f"find me {time.time()}"
    served_model.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="tiny", ContentType="application/json", InferenceId="the-call",
        Body=json.dumps({**PROMPT, "messages": [{"role": "user", "content": marker}]}))
    logs, s3, cloudwatch = (served_model.client(name) for name in ("logs", "s3", "cloudwatch"))

    def lines():
        try:
            return [json.loads(e["message"]) for e in logs.filter_log_events(logGroupName=GROUP, logStreamNames=["invocations"])["events"]]
        except ClientError:
            return []

    line = wait_for(lambda: next((found for found in lines() if marker in found["input"]), None), 120)
    assert line["status"] == 200 and line["outputTokens"] > 0 and line["inferenceId"] == "the-call"

    captured = []
    for entry in s3.list_objects_v2(Bucket="records", Prefix="kept/tiny/all/").get("Contents", []):
        captured += [json.loads(text) for text in s3.get_object(Bucket="records", Key=entry["Key"])["Body"].read().splitlines()]
    record = next(r for r in captured if marker in r["captureData"]["endpointInput"]["data"])
    assert record["eventMetadata"]["inferenceId"] == "the-call"

    dimensions = [{"Name": "EndpointName", "Value": "tiny"}, {"Name": "VariantName", "Value": "all"}]
    now = time.time()

    def total(metric):
        points = cloudwatch.get_metric_statistics(Namespace="AWS/SageMaker", MetricName=metric, Dimensions=dimensions, Period=60,
                                                  StartTime=now - 3600, EndTime=now + 60, Statistics=["Sum"])["Datapoints"]
        return sum(point["Sum"] for point in points)

    assert wait_for(lambda: total("Invocations"), 120) >= 1
    for metric in ("ModelLatency", "OverheadLatency", "InputTokens", "OutputTokens", "TimeToFirstToken"):
        assert total(metric) > 0, metric


def test_records_survive_kill_9_and_the_endpoint_serves_on(served_model):
    marker = f"before the crash {time.time()}"
    status, text = http(served_model, "/v1/chat/completions", {**PROMPT, "model": "tiny", "messages": [{"role": "user", "content": marker}]})
    assert status == 200, text
    served_model.stop(9)
    served_model.start()
    assert wait_for(lambda: any(
        marker in e["message"] for e in served_model.client("logs").filter_log_events(logGroupName=GROUP, logStreamNames=["invocations"])["events"]), 120)
    assert wait_for(lambda: http(served_model, "/v1/completions", {"model": "tiny", "prompt": "a", "max_tokens": 2})[0] == 200, 120)


def test_no_answered_call_is_lost_when_the_server_is_killed_amid_calls(served_model):
    answered, done = [], threading.Event()
    key = bearer_key()

    def keep_asking(number):
        for count in itertools.count():
            if done.is_set():
                return
            marker = f"caller {number} call {count} end"
            body = {**PROMPT, "model": "tiny", "max_tokens": 2, "stream": number % 2 == 0, "messages": [{"role": "user", "content": marker}]}
            try:
                status, text = http(served_model, "/v1/chat/completions", body, key)
            except (OSError, HTTPException):
                continue  # killed meanwhile, or not there yet: nobody promised anything
            if status == 200 and ("[DONE]" in text or '"usage"' in text):
                answered.append(marker)

    callers = [threading.Thread(target=keep_asking, args=(number,)) for number in range(4)]
    for caller in callers:
        caller.start()
    try:
        for _ in range(3):
            before = len(answered)
            assert wait_for(lambda: len(answered) > before + 20, 60)
            served_model.stop(9)
            served_model.start()
        assert wait_for(lambda: len(answered) > before + 20, 60)
    finally:
        done.set()
        for caller in callers:
            caller.join()

    logs, s3 = served_model.client("logs"), served_model.client("s3")

    def missing():
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, logStreamNames=["invocations"])
        lines = "".join(event["message"] for page in pages for event in page["events"])
        entries = (entry for page in s3.get_paginator("list_objects_v2").paginate(Bucket="records") for entry in page.get("Contents", []))
        records = "".join(s3.get_object(Bucket="records", Key=entry["Key"])["Body"].read().decode() for entry in entries)
        return [marker for marker in answered if marker not in lines or marker not in records]

    assert wait_for(lambda: not missing(), 60), missing()[:5]
