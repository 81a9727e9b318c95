"""SNS, operation by operation, with boto3 and a subscriber on loopback."""
import base64
import http.server
import json
import signal
import subprocess
import threading
import time
import urllib.request

import pytest
from conftest import ACCOUNT, ALT_ACCESS_KEY, ALT_ACCOUNT, ALT_SECRET_KEY, error_code, wait_for
from conformance.subscriber import Subscriber

NOT_FOUND, INVALID = ("NotFound", 404), ("InvalidParameter", 400)
NO_TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:none"


@pytest.fixture
def sns(hearth):
    return hearth.client("sns")


@pytest.fixture
def topic(sns):
    return sns.create_topic(Name="alerts")["TopicArn"]


@pytest.fixture
def subscriber():
    with Subscriber() as server:
        yield server


def confirmed(sns, topic, subscriber, **attributes):
    """Subscribes and confirms; returns the subscription's ARN."""
    before = len(subscriber.of_type("SubscriptionConfirmation"))
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url, Attributes=attributes)
    token = wait_for(lambda: subscriber.of_type("SubscriptionConfirmation")[before:])[0]["Token"]
    return sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"]


# Topics

def test_topics_are_made_once_described_and_removed(sns, topic):
    assert topic == f"arn:aws:sns:us-east-1:{ACCOUNT}:alerts"
    assert sns.create_topic(Name="alerts")["TopicArn"] == topic
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="Alerts")
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (attributes["TopicArn"], attributes["Owner"], attributes["DisplayName"]) == (topic, ACCOUNT, "Alerts")
    assert (attributes["SubscriptionsConfirmed"], attributes["SubscriptionsPending"], attributes["SubscriptionsDeleted"]) == ("0", "0", "0")
    assert json.loads(attributes["Policy"])["Statement"]
    sns.delete_topic(TopicArn=topic)
    sns.delete_topic(TopicArn=topic)  # AWS: deleting what is gone succeeds
    assert error_code(sns.get_topic_attributes, TopicArn=topic) == NOT_FOUND
    assert error_code(sns.set_topic_attributes, TopicArn=topic, AttributeName="DisplayName", AttributeValue="x") == NOT_FOUND


@pytest.mark.parametrize("arguments", [
    {"Name": "not a name!"}, {"Name": "x" * 257}, {"Name": "alerts.fifo", "Attributes": {"FifoTopic": "true"}},
    {"Name": "a", "Attributes": {"KmsMasterKeyId": "k"}}, {"Name": "a", "Attributes": {"Policy": "{"}}, {"Name": "a", "Attributes": {"Colour": "red"}}])
def test_topics_that_cannot_be(sns, arguments):
    assert error_code(sns.create_topic, **arguments) == INVALID


def test_lists_of_topics_and_subscriptions_have_pages_of_a_hundred(sns, subscriber):
    names = sorted(f"t{n:03}" for n in range(103))
    for name in names:
        sns.create_topic(Name=name)
    first = sns.list_topics()
    assert len(first["Topics"]) == 100 and first["NextToken"]
    topics = [t["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for t in page["Topics"]]
    assert sorted(arn.rsplit(":", 1)[1] for arn in topics) == names
    for name in names:
        sns.subscribe(TopicArn=f"arn:aws:sns:us-east-1:{ACCOUNT}:t000", Protocol="http", Endpoint=f"{subscriber.url}{name}")
    for operation, arguments in (("list_subscriptions", {}), ("list_subscriptions_by_topic", {"TopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:t000"})):
        pages = list(sns.get_paginator(operation).paginate(**arguments))
        assert len(pages) == 2
        assert sorted(s["Endpoint"].rsplit("/", 1)[1] for page in pages for s in page["Subscriptions"]) == names
        assert error_code(getattr(sns, operation), **arguments, NextToken="no token of ours") == INVALID
    assert error_code(sns.list_topics, NextToken="no token of ours") == INVALID


def test_tags_of_topics(sns):
    arn = sns.create_topic(Name="tagged", Tags=[{"Key": "a", "Value": "1"}])["TopicArn"]
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["b", "never there"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "2"}]
    assert error_code(sns.create_topic, Name="tagged", Tags=[{"Key": "a", "Value": "other"}]) == INVALID
    many = [{"Key": f"k{n}", "Value": ""} for n in range(51)]
    assert error_code(sns.tag_resource, ResourceArn=arn, Tags=many)[0] == "TagLimitExceeded"
    for call, arguments in ((sns.tag_resource, {"Tags": []}), (sns.untag_resource, {"TagKeys": []}), (sns.list_tags_for_resource, {})):
        assert error_code(call, ResourceArn=NO_TOPIC, **arguments) == ("ResourceNotFound", 404)


def test_a_topic_policy_lets_another_account_publish(hearth, sns, topic):
    other = hearth.client("sns", ALT_ACCESS_KEY, ALT_SECRET_KEY)
    assert error_code(other.publish, TopicArn=topic, Message="m") == ("AuthorizationError", 403)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ALT_ACCOUNT}, "Action": "sns:Publish", "Resource": topic}]}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy))
    assert other.publish(TopicArn=topic, Message="m")["MessageId"]
    assert error_code(other.delete_topic, TopicArn=topic) == ("AuthorizationError", 403)


# Subscriptions

def test_a_subscription_waits_for_its_confirmation(sns, topic, subscriber):
    pending = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    assert pending["SubscriptionArn"] == "pending confirmation"
    assert sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"{subscriber.url}2", ReturnSubscriptionArn=True)["SubscriptionArn"].startswith(topic + ":")
    assert {s["SubscriptionArn"] for s in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]} == {"PendingConfirmation"}
    sns.publish(TopicArn=topic, Message="for nobody yet")
    ask = wait_for(lambda: subscriber.of_type("SubscriptionConfirmation"))[0]
    assert ask["TopicArn"] == topic and ask["Token"] and ask["Signature"] and ask["SigningCertURL"]
    assert error_code(sns.confirm_subscription, TopicArn=topic, Token="wrong") == INVALID
    arn = sns.confirm_subscription(TopicArn=topic, Token=ask["Token"])["SubscriptionArn"]
    assert sns.confirm_subscription(TopicArn=topic, Token=ask["Token"])["SubscriptionArn"] == arn  # again is the same
    assert sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)["SubscriptionArn"] == arn
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (attributes["Protocol"], attributes["Endpoint"], attributes["PendingConfirmation"], attributes["Owner"]) == ("http", subscriber.url, "false", ACCOUNT)
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsConfirmed"] == "1"
    assert not subscriber.of_type("Notification")


def test_the_address_in_a_confirmation_confirms(sns, topic, subscriber):
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    ask = wait_for(lambda: subscriber.of_type("SubscriptionConfirmation"))[0]
    assert b"SubscriptionArn" in urllib.request.urlopen(ask["SubscribeURL"], timeout=10).read()
    assert sns.list_subscriptions()["Subscriptions"][0]["SubscriptionArn"].startswith(topic)


def test_messages_arrive_signed_and_whole(sns, topic, subscriber):
    arn = confirmed(sns, topic, subscriber)
    message_id = sns.publish(TopicArn=topic, Subject="Loss", Message="it is 2.5 ü",
                             MessageAttributes={"step": {"DataType": "Number", "StringValue": "7"}})["MessageId"]
    note = wait_for(lambda: subscriber.of_type("Notification"))[0]
    assert (note["MessageId"], note["Subject"], note["Message"], note["TopicArn"]) == (message_id, "Loss", "it is 2.5 ü", topic)
    assert note["MessageAttributes"] == {"step": {"Type": "Number", "Value": "7"}}
    assert note["Signature"] and note["SignatureVersion"] == "1" and note["UnsubscribeURL"]
    headers = subscriber.headers[-1]
    assert (headers["x-amz-sns-message-type"], headers["x-amz-sns-topic-arn"], headers["x-amz-sns-subscription-arn"]) == ("Notification", topic, arn)


@pytest.mark.parametrize("version,digest", [("1", "sha1"), ("2", "sha256")])
def test_the_signature_of_a_message_is_proven_by_the_certificate(sns, topic, subscriber, tmp_path, version, digest):
    """With the steps of https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html and openssl."""
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
    confirmed(sns, topic, subscriber)
    sns.publish(TopicArn=topic, Subject="Loss", Message="it is\n2.5 ü")
    sns.publish(TopicArn=topic, Message="without a subject")
    wait_for(lambda: len(subscriber.of_type("Notification")) == 2)
    for message in subscriber.of_type("SubscriptionConfirmation") + subscriber.of_type("Notification"):
        names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"] if message["Type"] == "Notification" else [
            "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
        certificate, key, signature = tmp_path / "certificate.pem", tmp_path / "key.pem", tmp_path / "signature"
        certificate.write_bytes(urllib.request.urlopen(message["SigningCertURL"], timeout=10).read())
        subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout", "-out", key], check=True)
        signature.write_bytes(base64.b64decode(message["Signature"]))
        verified = subprocess.run(["openssl", "dgst", f"-{digest}", "-verify", key, "-signature", signature], input=text.encode(), capture_output=True, text=False)
        assert message["SignatureVersion"] == version and verified.stdout.strip() == b"Verified OK", message


def test_an_endpoint_that_hangs_delays_nobody_else(sns, topic, subscriber):
    hangs = threading.Event()
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(body)
            if body["Type"] == "Notification":
                hangs.wait(60)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        confirmed(sns, topic, subscriber)
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/")
        sns.confirm_subscription(TopicArn=topic, Token=wait_for(lambda: asked)[0]["Token"])
        began = time.monotonic()
        for n in range(60):
            sns.publish(TopicArn=topic, Message=str(n))
        wait_for(lambda: len(subscriber.of_type("Notification")) >= 60)
        assert time.monotonic() - began < 10  # one silence of the other endpoint takes 15 seconds
        hangs.set()
        wait_for(lambda: {b["Message"] for b in asked if b["Type"] == "Notification"} == {str(n) for n in range(60)})
        server.shutdown()


def test_an_accepted_message_survives_a_kill(own_hearth, subscriber):
    own_hearth.start()
    sns = own_hearth.client("sns")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    confirmed(sns, topic, subscriber)
    subscriber.refuses = True
    accepted = {sns.publish(TopicArn=topic, Message=str(n))["MessageId"] for n in range(30)}
    own_hearth.stop(signal.SIGKILL)
    subscriber.refuses = False
    own_hearth.start()
    wait_for(lambda: {m["MessageId"] for m in subscriber.of_type("Notification")} >= accepted)


def test_raw_delivery_and_messages_by_protocol(sns, topic, subscriber):
    arn = confirmed(sns, topic, subscriber, RawMessageDelivery="true")
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["RawMessageDelivery"] == "true"
    sns.publish(TopicArn=topic, MessageStructure="json", Message=json.dumps({"default": "d", "http": '{"Type": "raw", "loss": 2}'}))
    assert wait_for(lambda: subscriber.of_type("raw"))[0]["loss"] == 2
    assert error_code(sns.publish, TopicArn=topic, MessageStructure="json", Message="{}") == INVALID
    assert error_code(sns.publish, TopicArn=topic, MessageStructure="json", Message="{") == INVALID


def test_filter_policies(sns, topic, subscriber):
    arn = confirmed(sns, topic, subscriber, FilterPolicy=json.dumps({"level": ["error"], "step": [{"numeric": [">", 5]}]}))

    def attributes(level, step):
        return {"level": {"DataType": "String", "StringValue": level}, "step": {"DataType": "Number", "StringValue": str(step)}}

    for level, step in (("info", 9), ("error", 3), ("error", 9)):
        sns.publish(TopicArn=topic, Message=f"{level} {step}", MessageAttributes=attributes(level, step))
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue="{}")
    sns.publish(TopicArn=topic, Message="everything")
    wait_for(lambda: len(subscriber.of_type("Notification")) >= 2)
    assert {n["Message"] for n in subscriber.of_type("Notification")} == {"error 9", "everything"}
    either = {"level": ["error"], "$or": [{"host": [{"wildcard": "gpu-*"}]}, {"ip": [{"cidr": "10.0.0.0/8"}]}]}
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=json.dumps(either))
    assert json.loads(sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["FilterPolicy"]) == either
    for broken in ("{", '{"level": "error"}', '{"level": [{"near": 1}]}'):
        assert error_code(sns.set_subscription_attributes, SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=broken) == INVALID


def test_unsubscribing(sns, topic, subscriber):
    arn = confirmed(sns, topic, subscriber)
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions()["Subscriptions"] == []
    assert error_code(sns.get_subscription_attributes, SubscriptionArn=arn) == NOT_FOUND
    assert error_code(sns.set_subscription_attributes, SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true") == NOT_FOUND
    assert error_code(sns.unsubscribe, SubscriptionArn="nonsense") == INVALID
    assert error_code(sns.get_subscription_attributes, SubscriptionArn="nonsense") == INVALID


@pytest.mark.parametrize("protocol,endpoint", [("sms", "+4912345"), ("email", "a@example.org"), ("http", "https://x/"), ("https", "http://x/"), ("http", ""),
                                               ("http", "http://169.254.169.254/latest/"), ("http", "http://[fe80::1]/")])
def test_subscriptions_that_cannot_be(sns, topic, protocol, endpoint):
    assert error_code(sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint=endpoint) == INVALID
    assert sns.list_subscriptions()["Subscriptions"] == []


def test_a_server_does_not_deliver_to_itself(hearth, sns, topic):
    assert error_code(sns.subscribe, TopicArn=topic, Protocol="http", Endpoint=f"{hearth.url}/_hearth/reset") == INVALID


def test_missing_topics(sns):
    assert error_code(sns.publish, TopicArn=NO_TOPIC, Message="m") == NOT_FOUND
    assert error_code(sns.publish_batch, TopicArn=NO_TOPIC, PublishBatchRequestEntries=[{"Id": "1", "Message": "m"}]) == NOT_FOUND
    assert error_code(sns.subscribe, TopicArn=NO_TOPIC, Protocol="http", Endpoint="http://127.0.0.1:1/") == NOT_FOUND
    assert error_code(sns.list_subscriptions_by_topic, TopicArn=NO_TOPIC) == NOT_FOUND


# Publishing

def test_messages_that_cannot_be(sns, topic):
    for wrong in ({"Message": ""}, {"Message": "x" * 262145}, {"Message": "m", "Subject": "x" * 101}, {"Message": "m", "Subject": "a\nb"}):
        assert error_code(sns.publish, TopicArn=topic, **wrong) == INVALID, wrong
    attributes = {"a": {"DataType": "String"}}
    assert error_code(sns.publish, TopicArn=topic, Message="m", MessageAttributes=attributes)[0] in ("InvalidParameterValue", "ParameterValueInvalid", "InvalidParameter")
    assert error_code(sns.publish, PhoneNumber="+4912345", Message="m") == INVALID
    assert error_code(sns.publish, TopicArn=topic, Message="m", MessageStructure="xml") == INVALID
    assert error_code(sns.publish, TopicArn=topic, Message="m", MessageDeduplicationId="1") == INVALID
    for kind, value in (("String", ""), ("Number", "seven"), ("String.Array", "[1,")):
        assert error_code(sns.publish, TopicArn=topic, Message="m", MessageAttributes={"a": {"DataType": kind, "StringValue": value}})[1] == 400
    assert sns.publish(TopicArn=topic, Message="m", MessageGroupId="g")["MessageId"]  # AWS: kept for queues, no mistake elsewhere


def test_batches_answer_for_each_entry(sns, topic):
    entries = [{"Id": f"e{n}", "Message": f"m{n}"} for n in range(9)] + [{"Id": "empty", "Message": ""}]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [e["Id"] for e in answer["Successful"]] == [f"e{n}" for n in range(9)]
    assert [(e["Id"], e["Code"], e["SenderFault"]) for e in answer["Failed"]] == [("empty", "InvalidParameter", True)]
    too_many = [{"Id": f"e{n}", "Message": "m"} for n in range(11)]
    for code, wrong in (("TooManyEntriesInBatchRequest", too_many), ("EmptyBatchRequest", []), ("BatchEntryIdsNotDistinct", entries[:1] * 2),
                        ("BatchRequestTooLong", [{"Id": f"e{n}", "Message": "x" * 200_000} for n in range(2)])):
        assert error_code(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=wrong) == (code, 400)
