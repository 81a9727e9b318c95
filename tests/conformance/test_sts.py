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
    assert error_code(sts.get_access_key_info, AccessKeyId="AKIANOBODYNOBODYNOBO") == ("AccessDenied", 403)
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
    # AWS: without MFA such credentials call nothing of IAM, and of STS only AssumeRole and GetCallerIdentity.
    assert error_code(as_client(hearth, "iam", credentials).list_users) == ("InvalidClientTokenId", 403)
    assert error_code(session.get_access_key_info, AccessKeyId=ACCESS_KEY) == ("InvalidClientTokenId", 403)
    assert error_code(session.get_session_token) == ("AccessDenied", 403)  # a session cannot make another
    assert error_code(dev.get_session_token, DurationSeconds=129601) == ("ValidationError", 400)
    tampered = {**credentials, "SessionToken": credentials["SessionToken"][:-8] + "AAAAAAAA"}
    assert error_code(as_client(hearth, "sts", tampered).get_caller_identity) == ("InvalidClientTokenId", 403)


# Chains of roles

def chain_trust(*actions):
    return document({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": list(actions)})


@pytest.fixture
def chain(hearth, iam):
    """chain(credentials or None, role, **options): credentials of a role, assumed by those of another or by a user who may assume any."""
    everything = document({"Effect": "Allow", "Action": "sts:*", "Resource": "*"})
    iam.create_user(UserName="first")
    iam.put_user_policy(UserName="first", PolicyName="p", PolicyDocument=everything)
    key = iam.create_access_key(UserName="first")["AccessKey"]
    first = hearth.client("sts", key["AccessKeyId"], key["SecretAccessKey"])
    for name, actions in (("one", ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")), ("two", ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")),
                          ("untagged", ("sts:AssumeRole", "sts:SetSourceIdentity")), ("unsigned", ("sts:AssumeRole", "sts:TagSession"))):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=chain_trust(*actions), MaxSessionDuration=43200)
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=everything)

    def call(credentials, role, **options):
        sts = as_client(hearth, "sts", credentials) if credentials else first
        return sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName="session", **options)

    return call


def test_a_chain_of_roles_lasts_an_hour_at_most(chain):
    one = chain(None, "one", DurationSeconds=43200)["Credentials"]
    assert 43000 < lifetime(one) <= 43200
    assert error_code(chain, one, "two", DurationSeconds=3601) == ("ValidationError", 400)
    assert 3500 < lifetime(chain(one, "two")["Credentials"]) <= 3600
    assert error_code(chain, None, "one", DurationSeconds=43201) == ("ValidationError", 400)


def test_tags_of_a_session_go_on_where_they_are_said_to(hearth, iam, chain):
    team = [{"Key": "Team", "Value": "red"}, {"Key": "Room", "Value": "7"}]
    one = chain(None, "one", Tags=team, TransitiveTagKeys=["team"])["Credentials"]
    two = chain(one, "two")["Credentials"]
    iam.create_user(UserName="u")
    for key, value, allowed in (("Team", "red", True), ("Room", "7", False)):
        iam.put_role_policy(RoleName="two", PolicyName="p", PolicyDocument=document(
            {"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*", "Condition": {"StringEquals": {f"aws:PrincipalTag/{key}": value}}}))
        own = as_client(hearth, "iam", two)
        if allowed:
            own.get_user(UserName="u")
        else:
            assert error_code(own.get_user, UserName="u") == ("AccessDenied", 403)
    # What was inherited stays as it is, and whoever hands it on needs the right to tag.
    assert error_code(chain, one, "two", Tags=[{"Key": "TEAM", "Value": "blue"}]) == ("ValidationError", 400)
    assert error_code(chain, one, "untagged") == ("AccessDenied", 403)
    assert error_code(chain, None, "untagged", Tags=team) == ("AccessDenied", 403)
    for wrong in ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]}, {"Tags": team, "TransitiveTagKeys": ["Other"]}):
        assert error_code(chain, None, "one", **wrong) == ("ValidationError", 400), wrong


def test_a_source_identity_stays_through_a_chain(hearth, iam, chain):
    answer = chain(None, "one", SourceIdentity="ana")
    assert answer["SourceIdentity"] == "ana"
    one = answer["Credentials"]
    assert chain(one, "two")["SourceIdentity"] == chain(one, "two", SourceIdentity="ana")["SourceIdentity"] == "ana"
    assert error_code(chain, one, "two", SourceIdentity="bob") == ("AccessDenied", 403)
    assert error_code(chain, one, "unsigned") == ("AccessDenied", 403)  # its trust policy lets nobody set one
    iam.put_role_policy(RoleName="one", PolicyName="q", PolicyDocument=document(
        {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceIdentity": "ana"}}}))
    assert as_client(hearth, "iam", one).list_roles()["Roles"]
    assert error_code(as_client(hearth, "iam", chain(None, "one")["Credentials"]).list_roles) == ("AccessDenied", 403)


def test_a_policy_may_ask_for_mfa_that_sessions_do_not_have(hearth, iam, chain):
    iam.put_role_policy(RoleName="one", PolicyName="q", PolicyDocument=document(
        {"Effect": "Allow", "Action": "iam:List*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:ListUsers", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}))
    own = as_client(hearth, "iam", chain(None, "one")["Credentials"])
    assert own.list_roles()["Roles"]
    assert error_code(own.list_users) == ("AccessDenied", 403)
    for mfa in ({"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/ana", "TokenCode": "123456"}, {"TokenCode": "123456"}):
        assert error_code(chain, None, "one", **mfa) == ("ValidationError", 400)


def test_what_limits_a_session(hearth, iam, chain):
    allow = document({"Effect": "Allow", "Action": "iam:List*", "Resource": "*"})
    iam.put_role_policy(RoleName="one", PolicyName="q", PolicyDocument=allow)
    managed = iam.create_policy(PolicyName="narrow", PolicyDocument=document({"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*"}))["Policy"]["Arn"]
    own = as_client(hearth, "iam", chain(None, "one", PolicyArns=[{"arn": managed}])["Credentials"])
    assert own.list_roles()["Roles"]
    assert error_code(own.list_users) == ("AccessDenied", 403)
    with pytest.raises(own.exceptions.ClientError, match="no session policy allows the iam:ListUsers action"):
        own.list_users()
    assert error_code(chain, None, "one", PolicyArns=[{"arn": managed + "-none"}]) == ("MalformedPolicyDocument", 400)
    assert error_code(chain, None, "one", PolicyArns=[{"arn": managed}] * 11)[1] == 400
    assert error_code(chain, None, "one", Policy=document({"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"})) == ("MalformedPolicyDocument", 400)
    assert error_code(chain, None, "one", Policy=allow + " " * 2049)[1] == 400
