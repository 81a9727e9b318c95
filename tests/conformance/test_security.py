"""Unsigned, wrongly signed, expired and tampered calls are refused by every service; policies decide the rest."""
import datetime
import json
import time
import urllib.error
import urllib.request

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from conftest import ACCESS_KEY, ALT_ACCESS_KEY, ALT_SECRET_KEY, SECRET_KEY, error_code

CALLS = {  # service: (client method, arguments, signing name)
    "s3": ("list_buckets", {}), "iam": ("list_users", {}), "sts": ("get_caller_identity", {}), "sns": ("list_topics", {}),
    "cloudwatch": ("list_metrics", {}), "logs": ("describe_log_groups", {}), "ec2": ("describe_instances", {}),
    "sagemaker": ("list_endpoints", {}),
}


@pytest.mark.parametrize("service", CALLS)
def test_a_wrong_secret_is_refused(hearth, service):
    method, arguments = CALLS[service]
    code, status = error_code(getattr(hearth.client(service, ACCESS_KEY, "not-the-secret"), method), **arguments)
    assert status in (400, 401, 403)
    assert code in ("SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure")


@pytest.mark.parametrize("service", CALLS)
def test_an_unknown_key_is_refused(hearth, service):
    method, arguments = CALLS[service]
    code, status = error_code(getattr(hearth.client(service, "AKIANOBODYNOBODYNOBO", "x"), method), **arguments)
    assert status in (400, 401, 403)
    assert code in ("InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure")


def send(request):
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode(), refused.headers


@pytest.mark.parametrize("body", ["Action=ListUsers&Version=2010-05-08", "Action=GetCallerIdentity&Version=2011-06-15",
                                  "Action=ListTopics&Version=2010-03-31", "Action=DescribeInstances&Version=2016-11-15"])
def test_unsigned_calls_are_refused_with_a_message_and_a_request_id(hearth, body):
    status, text, headers = send(urllib.request.Request(hearth.url, body.encode(), {"Content-Type": "application/x-www-form-urlencoded"}))
    assert status in (401, 403)
    assert "<Message>" in text and headers["x-amzn-RequestId"]


def signed(hearth, when=None, body=b"Action=ListUsers&Version=2010-05-08", service="iam", secret=SECRET_KEY):
    request = AWSRequest("POST", hearth.url + "/", data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    signer = SigV4Auth(Credentials(ACCESS_KEY, secret), service, "us-east-1")
    if when:
        import botocore.auth as auth
        original = auth.get_current_datetime
        auth.get_current_datetime = lambda *_, **__: when
        try:
            signer.add_auth(request)
        finally:
            auth.get_current_datetime = original
    else:
        signer.add_auth(request)
    return request


def test_a_tampered_body_is_refused(hearth):
    request = signed(hearth)
    status, text, _ = send(urllib.request.Request(hearth.url + "/", b"Action=ListRoles&Version=2010-05-08", dict(request.headers.items())))
    assert status == 403 and "SignatureDoesNotMatch" in text


def test_an_untampered_body_is_taken(hearth):
    request = signed(hearth)
    status, text, _ = send(urllib.request.Request(hearth.url + "/", request.body, dict(request.headers.items())))
    assert status == 200 and "ListUsersResult" in text


def test_an_expired_presigned_url_is_refused(hearth, s3):
    s3.create_bucket(Bucket="clock")
    s3.put_object(Bucket="clock", Key="k", Body=b"x")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "clock", "Key": "k"}, ExpiresIn=1)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # until the second is over
        status, text, _ = send(url)
        if status == 403:
            break
        time.sleep(0.2)
    assert status == 403 and "expired" in text.lower()


def test_a_tampered_presigned_url_is_refused(hearth, s3):
    s3.create_bucket(Bucket="tamper")
    s3.put_object(Bucket="tamper", Key="a", Body=b"a")
    s3.put_object(Bucket="tamper", Key="b", Body=b"b")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "tamper", "Key": "a"})
    assert send(url)[0] == 200
    status, text, _ = send(url.replace("/tamper/a", "/tamper/b"))
    assert status == 403 and "SignatureDoesNotMatch" in text


def make_user(hearth, name, *statements):
    iam = hearth.client("iam")
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


@pytest.mark.parametrize("service", [s for s in CALLS if s not in ("sts", "ec2", "sagemaker")])
def test_a_user_without_policies_is_denied_and_told_what(hearth, service):
    user = make_user(hearth, "nobody")
    method, arguments = CALLS[service]
    with pytest.raises(ClientError) as refused:
        getattr(hearth.client(service, *user), method)(**arguments)
    error = refused.value.response["Error"]
    assert error["Code"] in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
    assert "user/nobody" in error["Message"] and "is not authorized to perform" in error["Message"]


def test_an_explicit_deny_wins(hearth, s3):
    s3.create_bucket(Bucket="mixed")
    s3.put_object(Bucket="mixed", Key="open", Body=b"1")
    s3.put_object(Bucket="mixed", Key="secret", Body=b"2")
    user = make_user(hearth, "mixed", {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
                     {"Sid": "NoSecrets", "Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::mixed/secret"})
    client = hearth.client("s3", *user)
    assert client.get_object(Bucket="mixed", Key="open")["Body"].read() == b"1"
    with pytest.raises(ClientError) as refused:
        client.get_object(Bucket="mixed", Key="secret")
    assert "explicit deny" in refused.value.response["Error"]["Message"]


def test_another_account_cannot_reach_a_bucket(hearth, s3):
    s3.create_bucket(Bucket="mine")
    s3.put_object(Bucket="mine", Key="k", Body=b"x")
    other = hearth.client("s3", ALT_ACCESS_KEY, ALT_SECRET_KEY)
    assert error_code(other.get_object, Bucket="mine", Key="k") == ("AccessDenied", 403)


def test_a_role_gives_its_own_rights_only(hearth, s3):
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="k", Body=b"x")
    iam = hearth.client("iam")
    user = make_user(hearth, "dev", {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:user/dev"}, "Action": "sts:AssumeRole"}]}))
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/*"}]}))
    c = hearth.client("sts", *user).assume_role(RoleArn="arn:aws:iam::000000000000:role/reader", RoleSessionName="session")["Credentials"]
    client = hearth.client("s3", c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
    assert client.get_object(Bucket="data", Key="k")["Body"].read() == b"x"
    assert error_code(client.put_object, Bucket="data", Key="k", Body=b"y")[0] == "AccessDenied"
    without_token = hearth.client("s3", c["AccessKeyId"], c["SecretAccessKey"])
    assert error_code(without_token.get_object, Bucket="data", Key="k")[1] in (400, 403)


@pytest.mark.parametrize("service,method,arguments", [
    ("ec2", "describe_instances", {}), ("lambda", "list_functions", {}), ("events", "list_rules", {}),
    ("secretsmanager", "list_secrets", {}), ("sagemaker", "list_training_jobs", {}), ("cognito-idp", "list_user_pools", {"MaxResults": 1})])
def test_what_is_not_served_says_so(hearth, service, method, arguments):
    assert error_code(getattr(hearth.client(service), method), **arguments) == ("NotImplemented", 501)


@pytest.mark.parametrize("content_type,target,body", [
    ("application/x-amz-json-1.1", "Logs_20140328.DescribeLogGroups", b"{"),
    ("application/x-amz-json-1.1", "Logs_20140328.DescribeLogGroups", b'{"limit": "x"}'),
    ("application/x-amz-json-1.1", "Logs_20140328.DescribeLogGroups", b"[" * 10_000),
    ("application/x-amz-json-1.1", "Logs_20140328.DescribeLogGroups", b'{"logGroupNamePrefix": "\xff"}'),
])
def test_malformed_json_is_a_modelled_error(hearth, content_type, target, body):
    request = AWSRequest("POST", hearth.url + "/", data=body, headers={"Content-Type": content_type, "X-Amz-Target": target})
    SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "logs", "us-east-1").add_auth(request)
    status, text, headers = send(urllib.request.Request(hearth.url + "/", body, dict(request.headers.items())))
    assert status == 400 and json.loads(text)["__type"] and json.loads(text)["message"]
    assert headers["x-amzn-RequestId"]
    assert hearth.client("sts").get_caller_identity()["Account"]  # the server lives


def header_signed(hearth, hours):
    """The answer to a call whose signature is right but was made so many hours from now."""
    when = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(hours=hours)
    request = signed(hearth, when=when)
    return send(urllib.request.Request(hearth.url + "/", request.body, dict(request.headers.items())))


def test_a_signature_of_another_hour_is_refused_for_its_time(hearth):
    assert header_signed(hearth, 0)[0] == 200  # the same request, signed now, is taken
    for hours in (-1, 1):
        status, text, _ = header_signed(hearth, hours)
        assert status == 403 and "Signature expired" in text, text


def presigned(hearth, hours):
    import botocore.auth as auth
    when = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(hours=hours)
    request = AWSRequest("GET", hearth.url + "/?Action=GetCallerIdentity&Version=2011-06-15")
    original = auth.get_current_datetime
    auth.get_current_datetime = lambda *_, **__: when
    try:
        SigV4QueryAuth(Credentials(ACCESS_KEY, SECRET_KEY), "sts", "us-east-1", expires=60).add_auth(request)
    finally:
        auth.get_current_datetime = original
    return send(request.url)


def test_a_presigned_call_is_good_in_its_own_time_only(hearth):
    status, text, _ = presigned(hearth, 0)
    assert status == 200 and "GetCallerIdentityResult" in text
    status, text, _ = presigned(hearth, -1)
    assert status == 400 and "RequestExpired" in text
    status, text, _ = presigned(hearth, 1)
    assert status == 403 and "Signature expired" in text
