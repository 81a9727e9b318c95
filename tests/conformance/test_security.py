"""Unsigned, wrongly signed, expired and tampered calls are refused by every service; policies decide the rest.

Most calls here are made by boto3 and changed between signing and sending, so what is refused differs from the control
call that succeeds in one thing only."""
import datetime
import hashlib
import re
import urllib.error
import urllib.request

import boto3
import botocore.auth
import botocore.crt.auth
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from botocore.parsers import ResponseParserError
from conftest import ACCESS_KEY, ACCOUNT, ALT_ACCESS_KEY, ALT_SECRET_KEY, SECRET_KEY, document, error_code
from conformance.served import services_with_operations

# One call per service; "victim" in it is what an attacker would change to "attack".
CALLS = {
    "s3": ("put_object", {"Bucket": "victim", "Key": "victim", "Body": b"victim"}),
    "iam": ("create_user", {"UserName": "victim"}),
    "sts": ("get_access_key_info", {"AccessKeyId": "AKIAVICTIMVICTIMVICT"}),
    "sns": ("create_topic", {"Name": "victim"}),
    "cloudwatch": ("describe_alarms", {"AlarmNamePrefix": "victim"}),
    "logs": ("create_log_group", {"logGroupName": "victim"}),
    "ec2": ("describe_key_pairs", {"Filters": [{"Name": "key-name", "Values": ["victim"]}]}),
    "sagemaker": ("list_models", {"NameContains": "victim"}),
    "sagemaker-runtime": ("invoke_endpoint", {"EndpointName": "victim", "Body": b"victim"}),
}
# What the control call answers where the thing it is about does not exist. Anything else must be a success.
ANSWERS_OF_CONTROLS = {"sts": "AccessDenied", "sagemaker-runtime": "ValidationError"}

# (code, status) by family of services, as AWS words them.
FAMILY = {"s3": "s3", "iam": "query", "sts": "query", "sns": "query", "cloudwatch": "json", "logs": "json", "ec2": "ec2",
          "sagemaker": "json", "sagemaker-runtime": "json"}
MISMATCH = {"s3": ("SignatureDoesNotMatch", 403), "query": ("SignatureDoesNotMatch", 403), "json": ("InvalidSignatureException", 400), "ec2": ("AuthFailure", 401)}
UNSIGNED = {"s3": ("AccessDenied", 403), "query": ("MissingAuthenticationToken", 403), "json": ("MissingAuthenticationTokenException", 400),
            "ec2": ("AuthFailure", 401)}
UNKNOWN_KEY = {"s3": ("InvalidAccessKeyId", 403), "query": ("InvalidClientTokenId", 403), "json": ("UnrecognizedClientException", 400), "ec2": ("AuthFailure", 401)}
OUT_OF_TIME = {"s3": ("RequestTimeTooSkewed", 403), "query": ("SignatureDoesNotMatch", 403), "json": ("InvalidSignatureException", 400), "ec2": ("RequestExpired", 400)}

# Of signatures in URLs, which have an end of their own.
EXPIRED = {"s3": ("AccessDenied", 403), "query": ("RequestExpired", 400), "json": ("RequestExpired", 400), "ec2": ("RequestExpired", 400)}
NOT_YET = {**OUT_OF_TIME, "s3": ("RequestTimeTooSkewed", 403)}
TOO_LONG = {"s3": ("AuthorizationQueryParametersError", 400), "query": ("IncompleteSignature", 400), "json": ("IncompleteSignatureException", 400),
            "ec2": ("IncompleteSignature", 400)}

DENIED = {"sns": ("AuthorizationError", 403), "ec2": ("UnauthorizedOperation", 403),
          **{service: ("AccessDeniedException", 400) for service in ("cloudwatch", "logs", "sagemaker", "sagemaker-runtime")}}


def send(request):
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode(), refused.headers


def make_user(hearth, name, *statements):
    iam = hearth.client("iam")
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def allow(*actions):
    return document({"Effect": "Allow", "Action": list(actions), "Resource": "*"})


def outcome(hearth, service, *changes, **client):
    """(code, status) of the service's call, changed after signing; ("", 200) for a success."""
    method, arguments = CALLS[service]
    boto3_client = hearth.client(service, **client)
    answers = []

    def send_changed(request, **_):
        for change in changes:
            change(request)
        answers.append(URLLib3Session(timeout=10).send(request))
        return answers[0]

    boto3_client.meta.events.register("before-send", send_changed)
    try:
        return "", getattr(boto3_client, method)(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
    except (ClientError, ResponseParserError, UnicodeDecodeError) as refused:
        error, status = getattr(refused, "response", {}).get("Error", {}), answers[0].status_code
    code, message = error.get("Code", ""), error.get("Message", "")
    # What another service answers is in its own form, which this client does not read.
    if code in ("", str(status), "Unknown"):
        text = answers[0].content.decode("latin-1")  # XML, JSON or CBOR
        found = next(filter(None, (re.search(form, text, re.DOTALL) for form in (
            r"<Code>([^<]+)</Code>\s*<Message>([^<]+)", r'"__type":"([^"]+)","message":"([^"]+)', r"__typex?.([A-Z]\w+Exception)gmessage(.+)"))), None)
        assert found, text
        code, message = found.groups()
    assert message.strip(), answers[0].content
    return code, status


def assert_control_succeeds(hearth, service):
    code, status = outcome(hearth, service)
    assert (code, status) == ("", 200) or code == ANSWERS_OF_CONTROLS.get(service), (code, status)


@pytest.fixture(params=CALLS)
def service(request, hearth):
    """Every service in turn, with what its call needs in place."""
    if request.param == "s3":
        for name in ("victim", "attack"):
            hearth.client("s3").create_bucket(Bucket=name)
    return request.param


def test_every_service_is_attacked():
    assert set(CALLS) == services_with_operations()


def header(request, name):
    value = request.headers[name]
    return value.decode() if isinstance(value, bytes) else value


def text_of(body):
    return body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else bytes(body or b"")


@pytest.fixture
def signed_at(monkeypatch):
    """signed_at(minutes) makes botocore sign as if it were so many minutes from now."""
    real = botocore.auth.get_current_datetime

    def shift(minutes):
        for signer in (botocore.auth, botocore.crt.auth):  # with awscrt it is the second that boto3 signs with
            monkeypatch.setattr(signer, "get_current_datetime", lambda *a, **k: real(*a, **k) + datetime.timedelta(minutes=minutes))

    return shift


class InUrl(SigV4QueryAuth):
    """Signs in the URL and leaves the body where it is; boto3's own moves it there, which not every protocol can."""

    def __init__(self, digest, *arguments, **options):
        super().__init__(*arguments, **options)
        self.digest = digest

    def payload(self, request):
        return self.digest


def signed_in_url(hearth, service, seconds=60, key=ACCESS_KEY, secret=SECRET_KEY, scope=None):
    """A change that signs a call again, in its URL instead of its header."""
    scope = scope or hearth.client(service).meta.service_model.signing_name

    def change(request):
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Content-SHA256"):
            if name in request.headers:
                del request.headers[name]
        request.body = text_of(request.body)
        digest = "UNSIGNED-PAYLOAD" if service == "s3" else hashlib.sha256(request.body).hexdigest()
        presigned = AWSRequest(request.method, request.url, headers={name: header(request, name) for name in request.headers})
        InUrl(digest, Credentials(key, secret), scope, "us-east-1", expires=seconds).add_auth(presigned)
        request.url = presigned.url

    return change


@pytest.fixture(params=["header", "url"])
def signing(request, hearth, service):
    """signing(...): the changes that make a call signed in that place, with that key."""
    if request.param == "header":
        return lambda **options: ([], {f"{name}_key" if name == "secret" else "access_key": value for name, value in options.items()})
    return lambda **options: ([signed_in_url(hearth, service, **options)], {})


def test_calls_signed_in_their_url_are_good(hearth, service):
    code, status = outcome(hearth, service, signed_in_url(hearth, service))
    assert (code, status) == ("", 200) or code == ANSWERS_OF_CONTROLS.get(service), (code, status)


def test_unsigned_calls(hearth, service):
    def strip(request):
        del request.headers["Authorization"]

    # Nothing else in a call of sagemaker-runtime says whom it is for: its path could be a key in a bucket, so S3 answers.
    assert outcome(hearth, service, strip) == UNSIGNED["s3" if service == "sagemaker-runtime" else FAMILY[service]]
    assert_control_succeeds(hearth, service)


def test_a_wrong_secret(hearth, service, signing):
    changes, client = signing(secret="not-the-secret")
    assert outcome(hearth, service, *changes, **client) == MISMATCH[FAMILY[service]]
    assert_control_succeeds(hearth, service)


def test_an_unknown_key(hearth, service, signing):
    changes, client = signing(key="AKIANOBODYNOBODYNOBO")
    assert outcome(hearth, service, *changes, **client) == UNKNOWN_KEY[FAMILY[service]]
    assert_control_succeeds(hearth, service)


def test_the_key_of_another_user(hearth, service, signing):
    """A key that is good, with the secret of another that is good as well."""
    changes, client = signing(key=ACCESS_KEY, secret=ALT_SECRET_KEY)
    assert outcome(hearth, service, *changes, **client) == MISMATCH[FAMILY[service]]
    assert_control_succeeds(hearth, service)


def change_body(request):
    body = text_of(request.body)
    request.body = body.replace(b"victim", b"attack").replace(b"VICTIM", b"ATTACK")
    assert request.body != body


def test_a_tampered_body(hearth, service, signing):
    changes, client = signing()
    # AWS: S3 says which digest does not match the body: the signed one, or (in a URL there is none) the checksum.
    of_s3 = ("BadDigest", 400) if changes else ("XAmzContentSHA256Mismatch", 400)
    assert outcome(hearth, service, *changes, change_body, **client) == (of_s3 if service == "s3" else MISMATCH[FAMILY[service]])
    assert_control_succeeds(hearth, service)


def change_path(request):
    path, mark, query = request.url.partition("?")
    changed = path.replace("victim", "attack")
    request.url = (changed if changed != path else path.rstrip("/") + "/attack") + mark + query


def change_query(request):
    request.url += ("&" if "?" in request.url else "?") + "attack=1"


def change_method(request):
    request.method = "PATCH"


@pytest.mark.parametrize("change", [change_path, change_query])
def test_a_tampered_path_or_query(hearth, service, signing, change):
    changes, client = signing()
    assert outcome(hearth, service, *changes, change, **client) == MISMATCH[FAMILY[service]]
    assert_control_succeeds(hearth, service)


def another_second(date):
    return f"{date[:-3]}{(int(date[-3:-1]) + 1) % 60:02}Z"


def test_a_tampered_date(hearth, service, signing):
    def tamper(request):
        if "X-Amz-Date=" in request.url:
            request.url = re.sub(r"(?<=X-Amz-Date=)\w+", lambda date: another_second(date[0]), request.url)
        else:
            request.headers["X-Amz-Date"] = another_second(header(request, "X-Amz-Date"))

    changes, client = signing()
    assert outcome(hearth, service, *changes, tamper, **client) == MISMATCH[FAMILY[service]]
    assert_control_succeeds(hearth, service)


def test_a_tampered_host(hearth, service, signing):
    """The name that every signature covers."""
    changes, client = signing()
    tamper = lambda request: request.headers.__setitem__("Host", "localhost:1")  # noqa: E731
    assert outcome(hearth, service, *changes, tamper, **client) == MISMATCH[FAMILY[service]]
    assert_control_succeeds(hearth, service)


def change_scope(at, to):
    """Puts another part into the credential scope: KEY/DATE/REGION/SERVICE/aws4_request."""
    def change(request):
        def changed(credential):
            parts = re.split("(%2F|/)", credential)
            parts[2 * at] = to
            return "".join(parts)

        pattern = r"(?<=Credential=)[^,&]+"
        if "X-Amz-Credential" in request.url:
            request.url = re.sub(pattern, lambda found: changed(found[0]), request.url)
        else:
            request.headers["Authorization"] = re.sub(pattern, lambda found: changed(found[0]), header(request, "Authorization"))

    return change


def test_a_signature_for_another_region(hearth, service, signing):
    changes, client = signing()
    assert outcome(hearth, service, *changes, change_scope(2, "eu-central-1"), **client) == MISMATCH[FAMILY[service]]
    assert_control_succeeds(hearth, service)


def signing_name(hearth, service):
    return hearth.client(service).meta.service_model.signing_name


def other_services(hearth, service):
    return [other for other in CALLS if signing_name(hearth, other) != signing_name(hearth, service)]


NAMED_BY_HEADER = ("cloudwatch", "logs", "sagemaker")


def answering_family(service, other):
    """In whose form a call of one service is answered that is signed for another: S3's scope comes before everything, then the operation that
    a header names (and CloudWatch's path), then the scope; CloudWatch speaks as it is spoken to."""
    if other == "s3":
        return "s3"
    if service in NAMED_BY_HEADER:
        return "json"
    return "query" if other == "cloudwatch" and FAMILY[service] in ("query", "ec2") else FAMILY[other]


def test_a_signature_that_is_said_to_be_for_another_service(hearth, service, signing):
    changes, client = signing()
    for other in other_services(hearth, service):
        said = change_scope(3, signing_name(hearth, other))
        assert outcome(hearth, service, *changes, said, **client) == MISMATCH[answering_family(service, other)], other
    assert_control_succeeds(hearth, service)


def test_a_call_signed_for_another_service(hearth, service):
    """Signed well, for a service that has no such operation."""
    unknown = {"query": ("InvalidAction", 400), "ec2": ("InvalidAction", 400), "json": ("UnknownOperationException", 404)}
    for other in other_services(hearth, service):
        family = answering_family(service, other)
        # Only S3 takes a body that is not signed; and where a header names the operation, its service is the one that was not signed for.
        mismatches = "s3" in (service, other) or service in NAMED_BY_HEADER
        expected = MISMATCH[family] if mismatches else unknown[family]
        assert outcome(hearth, service, signed_in_url(hearth, service, scope=signing_name(hearth, other))) == expected, other
    named = ("InvalidSignatureException", 400) if service in NAMED_BY_HEADER else ("UnknownService", 404)
    for nobody in ("sqs", "nonsense"):
        assert outcome(hearth, service, signed_in_url(hearth, service, scope=nobody)) == named, nobody
    assert_control_succeeds(hearth, service)


def test_signatures_out_of_their_time(hearth, service, signed_at):
    for minutes in (-24 * 60, -16, 16, 24 * 60):
        signed_at(minutes)
        assert outcome(hearth, service) == OUT_OF_TIME[FAMILY[service]], minutes


def test_urls_out_of_their_time(hearth, service, signed_at):
    minute = signed_in_url(hearth, service)
    for minutes in (-24 * 60, -2):
        signed_at(minutes)
        assert outcome(hearth, service, minute) == EXPIRED[FAMILY[service]], minutes
        longer = lambda request: setattr(request, "url", request.url.replace("X-Amz-Expires=60", "X-Amz-Expires=99999"))  # noqa: E731
        assert outcome(hearth, service, minute, longer) == MISMATCH[FAMILY[service]], minutes
    for minutes in (16, 24 * 60):
        signed_at(minutes)
        assert outcome(hearth, service, minute) == NOT_YET[FAMILY[service]], minutes
    signed_at(0)
    assert outcome(hearth, service, signed_in_url(hearth, service, seconds=604801)) == TOO_LONG[FAMILY[service]]
    assert_control_succeeds(hearth, service)


@pytest.mark.parametrize("minutes", [-14, 14])
def test_clocks_may_differ_by_a_quarter_of_an_hour(hearth, service, signed_at, minutes):
    signed_at(minutes)
    assert_control_succeeds(hearth, service)


# Another account: its calls are signed well, and still do not reach what is ours.

@pytest.fixture
def accounts(hearth):
    """Clients of the owner and of the other account, by service."""
    return lambda service: (hearth.client(service), hearth.client(service, ALT_ACCESS_KEY, ALT_SECRET_KEY))


def test_another_account_and_a_bucket(accounts):
    ours, theirs = accounts("s3")
    ours.create_bucket(Bucket="ours")
    ours.put_object(Bucket="ours", Key="k", Body=b"x")
    for call, arguments in ((theirs.get_object, {"Key": "k"}), (theirs.put_object, {"Key": "k", "Body": b"y"}), (theirs.delete_object, {"Key": "k"}),
                            (theirs.list_objects_v2, {}), (theirs.get_bucket_policy, {}), (theirs.delete_bucket, {})):
        assert error_code(call, Bucket="ours", **arguments) == ("AccessDenied", 403)
    assert ours.get_object(Bucket="ours", Key="k")["Body"].read() == b"x"


def test_another_account_and_iam(accounts):
    ours, theirs = accounts("iam")
    ours.create_user(UserName="u")
    policy = ours.create_policy(PolicyName="p", PolicyDocument=allow("s3:*"))["Policy"]["Arn"]
    assert error_code(theirs.get_user, UserName="u") == ("NoSuchEntity", 404)  # a name means their own user
    assert theirs.list_users()["Users"] == []
    for call in (theirs.get_policy, theirs.delete_policy):
        assert error_code(call, PolicyArn=policy) == ("AccessDenied", 403)
    assert ours.get_policy(PolicyArn=policy)["Policy"]["PolicyName"] == "p"


def test_another_account_and_a_role(accounts, hearth):
    ours, _ = accounts("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    role = ours.create_role(RoleName="r", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    _, their_iam = accounts("iam")
    their_iam.create_user(UserName="u")
    their_iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=allow("sts:AssumeRole"))
    key = their_iam.create_access_key(UserName="u")["AccessKey"]
    stranger = hearth.client("sts", key["AccessKeyId"], key["SecretAccessKey"])
    assert error_code(stranger.assume_role, RoleArn=role, RoleSessionName="session") == ("AccessDenied", 403)
    own = hearth.client("sts", *make_user(hearth, "dev", {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}))
    assert own.assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]


def test_another_account_and_a_topic(accounts):
    ours, theirs = accounts("sns")
    topic = ours.create_topic(Name="t")["TopicArn"]
    for call, arguments in ((theirs.publish, {"Message": "m"}), (theirs.get_topic_attributes, {}), (theirs.delete_topic, {}),
                            (theirs.subscribe, {"Protocol": "http", "Endpoint": "http://127.0.0.1:1/"})):
        assert error_code(call, TopicArn=topic, **arguments) == ("AuthorizationError", 403)
    assert theirs.list_topics()["Topics"] == []
    assert ours.publish(TopicArn=topic, Message="m")["MessageId"]


def test_another_account_and_its_own_metrics(accounts):
    ours, theirs = accounts("cloudwatch")
    ours.put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 1.0}])
    ours.put_metric_alarm(AlarmName="a", Namespace="N", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1.0,
                          ComparisonOperator="GreaterThanThreshold")
    arn = ours.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    assert theirs.list_metrics(Namespace="N")["Metrics"] == [] and theirs.describe_alarms()["MetricAlarms"] == []
    assert error_code(theirs.delete_alarms, AlarmNames=["a"]) == ("ResourceNotFound", 404)
    assert error_code(theirs.tag_resource, ResourceARN=arn, Tags=[{"Key": "k", "Value": "v"}]) == ("AccessDeniedException", 400)
    assert ours.list_metrics(Namespace="N")["Metrics"] and ours.list_tags_for_resource(ResourceARN=arn)["Tags"] == []


def test_another_account_and_a_log_group(accounts):
    ours, theirs = accounts("logs")
    ours.create_log_group(logGroupName="g")
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:g"
    assert theirs.describe_log_groups()["logGroups"] == []
    assert error_code(theirs.delete_log_group, logGroupName="g") == ("ResourceNotFoundException", 400)
    assert error_code(theirs.filter_log_events, logGroupIdentifier=arn) == ("ResourceNotFoundException", 400)
    assert error_code(theirs.tag_resource, resourceArn=arn, tags={"a": "b"}) == ("AccessDeniedException", 400)
    assert ours.filter_log_events(logGroupIdentifier=arn)["events"] == [] and ours.list_tags_for_resource(resourceArn=arn)["tags"] == {}


def test_another_account_and_what_ec2_has(accounts):
    ours, theirs = accounts("ec2")
    group = ours.create_security_group(GroupName="g", Description="d")["GroupId"]
    key = ours.create_key_pair(KeyName="k", KeyType="ed25519")["KeyPairId"]
    assert theirs.describe_key_pairs()["KeyPairs"] == [] and [g["GroupName"] for g in theirs.describe_security_groups()["SecurityGroups"]] == ["default"]
    assert error_code(theirs.describe_security_groups, GroupIds=[group]) == error_code(theirs.delete_security_group, GroupId=group) == ("InvalidGroup.NotFound", 400)
    assert error_code(theirs.create_tags, Resources=[key], Tags=[{"Key": "a", "Value": "b"}]) == ("InvalidKeyPair.NotFound", 400)
    theirs.delete_key_pair(KeyName="k")  # a name means their own, and AWS says nothing of one that is not there
    assert [k["KeyPairId"] for k in ours.describe_key_pairs()["KeyPairs"]] == [key]


def test_another_account_and_an_endpoint(hearth, accounts):
    ours, theirs = accounts("sagemaker")
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = hearth.client("iam").create_role(RoleName="serving", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    ours.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"ModelDataUrl": "s3://models/m/"})
    variant = {"VariantName": "all", "ModelName": "m", "InstanceType": "ml.p5.48xlarge", "InitialInstanceCount": 1}
    ours.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    ours.create_endpoint(EndpointName="e", EndpointConfigName="c")
    missing = ("ValidationException", 400)
    assert theirs.list_models()["Models"] == theirs.list_endpoints()["Endpoints"] == []
    assert error_code(theirs.describe_model, ModelName="m") == error_code(theirs.delete_endpoint, EndpointName="e") == missing
    assert error_code(theirs.create_model, ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"ModelDataUrl": "s3://models/m/"})[1] == 400
    _, their_runtime = accounts("sagemaker-runtime")
    assert error_code(their_runtime.invoke_endpoint, EndpointName="e", Body=b"{}") == ("ValidationError", 400)
    assert ours.describe_endpoint(EndpointName="e")["EndpointName"] == "e"


# Presigned URLs

@pytest.fixture
def presigned_get(hearth, signed_at):
    """presigned_get(minutes, seconds): a URL that was signed so many minutes from now and is good for so many seconds."""
    s3 = hearth.client("s3", signature_version="s3v4")
    s3.create_bucket(Bucket="urls")
    for key in ("a", "b"):
        s3.put_object(Bucket="urls", Key=key, Body=key.encode())

    def make(minutes=0, seconds=60):
        signed_at(minutes)
        return s3.generate_presigned_url("get_object", Params={"Bucket": "urls", "Key": "a"}, ExpiresIn=seconds)

    return make


def test_a_presigned_url_is_good_in_its_own_time_only(presigned_get):
    assert send(presigned_get())[:2] == (200, "a")
    assert send(presigned_get(minutes=-30, seconds=3600))[:2] == (200, "a")
    status, text, _ = send(presigned_get(minutes=-2))
    assert status == 403 and "AccessDenied" in text and "expired" in text
    status, text, _ = send(presigned_get(minutes=20))
    assert status == 403, text  # from the future
    assert send(presigned_get(seconds=604800))[0] == 200  # a week is the most there is
    status, text, _ = send(presigned_get(seconds=604801))
    assert status == 400 and "AuthorizationQueryParametersError" in text


def test_a_presigned_url_is_good_for_nothing_else(presigned_get):
    url = presigned_get(minutes=-2)
    for changed in (url.replace("Expires=60", "Expires=6000"), presigned_get().replace("/urls/a", "/urls/b"), presigned_get() + "&versionId=null",
                    presigned_get().replace("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=")):
        status, text, _ = send(changed)
        assert status in (400, 403) and "<Code>" in text, text
    request = urllib.request.Request(presigned_get(), data=b"x", method="PUT")
    assert send(request)[0] == 403


@pytest.fixture
def presigned_by(hearth):
    """presigned_by(version, method, style): a URL presigned by root for one object, where the host is BUCKET.s3.localhost or ours."""
    hearth.client("s3").create_bucket(Bucket="urls")
    hearth.client("s3").put_object(Bucket="urls", Key="a", Body=b"a")

    def make(version, method="get_object", style="path", seconds=60):
        client = hearth.client("s3", signature_version=version, s3={"addressing_style": style})
        if style == "virtual":
            client = boto3.client("s3", endpoint_url=f"http://s3.localhost:{hearth.port}", region_name="us-east-1", aws_access_key_id=ACCESS_KEY,
                                  aws_secret_access_key=SECRET_KEY, config=Config(signature_version=version, s3={"addressing_style": style}))
        return client.generate_presigned_url(method, Params={"Bucket": "urls", "Key": "a"}, ExpiresIn=seconds)

    return make


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_of_an_object_calls_no_other_service(hearth, presigned_by, version):
    """Version 2 covers neither other parameters nor the body, so who has such a URL may add an Action of IAM to it."""
    action = "Action=CreateUser&Version=2010-05-08&UserName=intruder"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    borrowed = {**form, "Authorization": "Bearer Credential=x/20200101/us-east-1/iam/aws4_request"}
    multipart = presigned_by(version, "create_multipart_upload")
    for request in (urllib.request.Request(presigned_by(version) + "&" + action),
                    urllib.request.Request(presigned_by(version), headers={"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}),
                    urllib.request.Request(presigned_by(version), headers={"Host": "iam.us-east-1.amazonaws.com"}),
                    urllib.request.Request(multipart, action.encode(), form, method="POST"),
                    urllib.request.Request(multipart, action.encode(), borrowed, method="POST")):
        status, text, _ = send(request)
        assert status in (200, 400, 403) and "CreateUserR" not in text and "logGroups" not in text, text
    users = [user["UserName"] for user in hearth.client("iam").list_users()["Users"]]
    assert "intruder" not in users


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_takes_no_further_amz_headers(presigned_by, version):
    for name in ("x-amz-acl", "x-amz-copy-source", "x-amz-meta-note", "x-amz-tagging"):
        status, text, _ = send(urllib.request.Request(presigned_by(version, "put_object"), b"x", {name: "v", "Content-Type": ""}, method="PUT"))
        assert status == 403, text
        if version == "s3v4":
            assert "<Code>AccessDenied</Code>" in text and f"<HeadersNotSigned>{name}</HeadersNotSigned>" in text, text
        else:  # version 2 signs all there are
            assert "<Code>SignatureDoesNotMatch</Code>" in text, text


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_may_name_the_bucket_in_the_host(hearth, presigned_by, version):
    url = presigned_by(version, style="virtual")
    host, path = url.removeprefix("http://").split("/", 1)
    assert host == f"urls.s3.localhost:{hearth.port}"
    assert send(urllib.request.Request(f"{hearth.url}/{path}", headers={"Host": host}))[:2] == (200, "a")


def test_a_version_2_url_may_be_good_for_centuries(presigned_by):
    good = presigned_by("s3", seconds=400 * 366 * 24 * 3600)
    assert re.search(r"Expires=1\d{10}(&|$)", good)
    assert send(good)[:2] == (200, "a")
    for wrong in ("", "x", "-1", "1" * 30):
        status, text, _ = send(re.sub(r"Expires=\d+", f"Expires={wrong}", good))
        assert status == 403 and "<Code>AccessDenied</Code>" in text, text


# Policies, what is not served, broken requests

@pytest.mark.parametrize("body", ["Action=ListUsers&Version=2010-05-08", "Action=GetCallerIdentity&Version=2011-06-15",
                                  "Action=ListTopics&Version=2010-03-31", "Action=DescribeInstances&Version=2016-11-15"])
def test_unsigned_calls_are_refused_with_a_message_and_a_request_id(hearth, body):
    status, text, headers = send(urllib.request.Request(hearth.url, body.encode(), {"Content-Type": "application/x-www-form-urlencoded"}))
    assert status in (401, 403)
    assert "<Message>" in text and headers["x-amzn-RequestId"]


def test_a_user_without_policies_is_denied_and_told_what(hearth, service):
    user = make_user(hearth, "nobody")
    method, arguments = CALLS[service]
    with pytest.raises(ClientError) as refused:
        getattr(hearth.client(service, *user), method)(**arguments)
    error, status = refused.value.response["Error"], refused.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert (error["Code"], status) == DENIED.get(service, ("AccessDenied", 403))
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


def test_a_role_gives_its_own_rights_only(hearth, s3):
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="k", Body=b"x")
    iam = hearth.client("iam")
    user = make_user(hearth, "dev", {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:user/dev"}, "Action": "sts:AssumeRole"}))
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/*"}))
    c = hearth.client("sts", *user).assume_role(RoleArn="arn:aws:iam::000000000000:role/reader", RoleSessionName="session")["Credentials"]
    client = hearth.client("s3", c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
    assert client.get_object(Bucket="data", Key="k")["Body"].read() == b"x"
    assert error_code(client.put_object, Bucket="data", Key="k", Body=b"y")[0] == "AccessDenied"
    without_token = hearth.client("s3", c["AccessKeyId"], c["SecretAccessKey"])
    assert error_code(without_token.get_object, Bucket="data", Key="k") == ("InvalidToken", 400)


@pytest.mark.parametrize("service,method,arguments", [
    ("lambda", "list_functions", {}), ("events", "list_rules", {}),
    ("secretsmanager", "list_secrets", {}), ("sagemaker", "list_training_jobs", {}), ("cognito-idp", "list_user_pools", {"MaxResults": 1})])
def test_what_is_not_served_says_so_and_where_to_look(hearth, service, method, arguments):
    call = getattr(hearth.client(service), method)
    assert error_code(call, **arguments) == ("NotImplemented", 501)
    operation = "".join(word.title() for word in method.split("_"))
    with pytest.raises(ClientError, match=f"the operation {operation} of the service {service}; docs/services/{service}.md"):
        call(**arguments)


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
