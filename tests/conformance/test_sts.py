"""STS, operation by operation, with boto3."""
import datetime

import pytest
from conftest import ACCESS_KEY, ACCOUNT, ALT_ACCESS_KEY, ALT_ACCOUNT, ALT_SECRET_KEY, document, error_code

ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"


def trust(principal, **condition):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return document({**statement, **({"Condition": condition} if condition else {})})


@pytest.fixture
def iam(hearth):
    return hearth.client("iam")


@pytest.fixture
def dev(hearth, iam):
    """The STS client of a user who may assume any role."""
    iam.create_user(UserName="dev")
    iam.put_user_policy(UserName="dev", PolicyName="p", PolicyDocument=document({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}))
    key = iam.create_access_key(UserName="dev")["AccessKey"]
    return hearth.client("sts", key["AccessKeyId"], key["SecretAccessKey"])


def as_client(hearth, service, credentials):
    return hearth.client(service, credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])


def lifetime(credentials):
    return (credentials["Expiration"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


def test_who_is_calling(hearth, iam, dev):
    root = hearth.client("sts").get_caller_identity()
    assert (root["Account"], root["Arn"], root["UserId"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
    user = dev.get_caller_identity()
    assert user["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/dev" and user["UserId"] == iam.get_user(UserName="dev")["User"]["UserId"]
    assert hearth.client("sts", ALT_ACCESS_KEY, ALT_SECRET_KEY).get_caller_identity()["Account"] == ALT_ACCOUNT


def test_whose_key_is_it(hearth):
    sts = hearth.client("sts")
    assert sts.get_access_key_info(AccessKeyId=ACCESS_KEY)["Account"] == ACCOUNT
    assert sts.get_access_key_info(AccessKeyId=ALT_ACCESS_KEY)["Account"] == ALT_ACCOUNT
    assert error_code(sts.get_access_key_info, AccessKeyId="AKIANOBODYNOBODYNOBO")[1] in (400, 403)
    assert error_code(sts.get_access_key_info, AccessKeyId="not a key id at all") == ("ValidationError", 400)


def test_an_assumed_role_has_its_own_name_rights_and_time(hearth, iam, dev):
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/dev"}))
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=document({"Effect": "Allow", "Action": "iam:List*", "Resource": "*"}))
    answer = dev.assume_role(RoleArn=ROLE, RoleSessionName="laptop", DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/laptop"
    role_id = iam.get_role(RoleName="reader")["Role"]["RoleId"]
    assert answer["AssumedRoleUser"]["AssumedRoleId"] == f"{role_id}:laptop"
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA") and 800 < lifetime(credentials) <= 900
    assert as_client(hearth, "sts", credentials).get_caller_identity()["Arn"] == answer["AssumedRoleUser"]["Arn"]
    own = as_client(hearth, "iam", credentials)
    assert own.list_roles()["Roles"]
    assert error_code(own.create_user, UserName="x") == ("AccessDenied", 403)


def test_a_session_policy_can_only_take_away(hearth, iam, dev):
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=document({"Effect": "Allow", "Action": "iam:List*", "Resource": "*"}))
    narrow = document({"Effect": "Allow", "Action": ["iam:ListRoles", "iam:CreateUser"], "Resource": "*"})
    own = as_client(hearth, "iam", dev.assume_role(RoleArn=ROLE, RoleSessionName="laptop", Policy=narrow)["Credentials"])
    assert own.list_roles()["Roles"]
    assert error_code(own.list_users) == ("AccessDenied", 403)
    assert error_code(own.create_user, UserName="x") == ("AccessDenied", 403)
    assert error_code(dev.assume_role, RoleArn=ROLE, RoleSessionName="laptop", Policy="{")[0] == "MalformedPolicyDocument"


def test_a_trust_policy_may_ask_for_an_external_id(iam, dev):
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}, StringEquals={"sts:ExternalId": "secret"}))
    dev.assume_role(RoleArn=ROLE, RoleSessionName="laptop", ExternalId="secret")
    assert error_code(dev.assume_role, RoleArn=ROLE, RoleSessionName="laptop", ExternalId="other") == ("AccessDenied", 403)
    assert error_code(dev.assume_role, RoleArn=ROLE, RoleSessionName="laptop") == ("AccessDenied", 403)


def test_who_may_not_assume(hearth, iam, dev):
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    call = dict(RoleArn=ROLE, RoleSessionName="laptop")
    assert error_code(dev.assume_role, **call) == ("AccessDenied", 403)
    assert error_code(dev.assume_role, **{**call, "RoleArn": ROLE + "-none"}) == ("AccessDenied", 403)
    assert error_code(hearth.client("sts").assume_role, **call) == ("AccessDenied", 403)  # root may not
    assert error_code(hearth.client("sts", ALT_ACCESS_KEY, ALT_SECRET_KEY).assume_role, **call) == ("AccessDenied", 403)
    for wrong in ({"RoleSessionName": "a b"}, {"RoleSessionName": "x" * 65}, {"DurationSeconds": 43201}):
        assert error_code(dev.assume_role, **{**call, **wrong}) == ("ValidationError", 400), wrong


def test_a_session_is_no_longer_than_the_role_allows(iam, dev):
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}), MaxSessionDuration=3600)
    assert error_code(dev.assume_role, RoleArn=ROLE, RoleSessionName="laptop", DurationSeconds=7200) == ("ValidationError", 400)
    assert 3500 < lifetime(dev.assume_role(RoleArn=ROLE, RoleSessionName="laptop")["Credentials"]) <= 3600


def test_a_deleted_role_ends_its_sessions(hearth, iam, dev):
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))
    own = as_client(hearth, "sts", dev.assume_role(RoleArn=ROLE, RoleSessionName="laptop")["Credentials"])
    own.get_caller_identity()
    iam.delete_role(RoleName="reader")
    assert error_code(own.get_caller_identity)[1] == 403


def test_a_session_token_stands_for_its_user(hearth, dev):
    credentials = dev.get_session_token(DurationSeconds=900)["Credentials"]
    session = as_client(hearth, "sts", credentials)
    assert session.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/dev"
    assert error_code(as_client(hearth, "iam", credentials).list_users) == ("AccessDenied", 403)
    assert error_code(session.get_session_token) == ("AccessDenied", 403)  # a session cannot make another
    assert error_code(dev.get_session_token, DurationSeconds=129601) == ("ValidationError", 400)
    tampered = {**credentials, "SessionToken": credentials["SessionToken"][:-8] + "AAAAAAAA"}
    assert error_code(as_client(hearth, "sts", tampered).get_caller_identity) == ("InvalidClientTokenId", 403)
